"""Machine code: LLVM emission, vector mathematics, matrix products, the thread team, the code cache."""
