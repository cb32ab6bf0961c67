; The team's code. A program is an array of entries {kernel, table, chunks, meet}. Entries up to one where `meet` is set
; are a group: they may run beside each other, and the next group begins when all of this one is done.
;
; A group's work is cut into pieces: of each entry so many for each thread's share. A thread claims its own pieces one after
; the other, then what is left of the others': one that is late, or has lost its core, is waited for no longer than it takes
; over the piece that it is at. Which thread runs a piece changes no result. The calling thread leads: it publishes a group
; under a new number, and a claim of a piece holds only if the group still has that number.
;
; The team's memory, one line of the cache each, in bytes:
;   0 number of the group   64 pieces done   128 the group's entries, 136 how many, 144 pieces of each, 152 threads
;   192 whether a program runs   256 sleepers   320 rounds to spin before sleeping   384 mutex   512 condition
;   640 pthread_mutex_lock  648 pthread_mutex_unlock  656 pthread_cond_wait  664 pthread_cond_broadcast  672 sched_yield
;   1024 + 64 t: the group's number << 20 | the next piece of thread t's share

define internal void @taper_piece(ptr %entries, i64 %each, i64 %threads, i64 %owner, i64 %piece) nounwind {
entry:
  %number = udiv i64 %piece, %each
  %part = urem i64 %piece, %each
  %at = getelementptr [4 x i64], ptr %entries, i64 %number
  %kernel = load ptr, ptr %at
  %p1 = getelementptr i8, ptr %at, i64 8
  %table = load ptr, ptr %p1
  %p2 = getelementptr i8, ptr %at, i64 16
  %chunks = load i64, ptr %p2
  %all = mul i64 %threads, %each
  %up = sub i64 %all, 1
  %before = mul i64 %owner, %each
  %place = add i64 %before, %part
  %from = mul i64 %chunks, %place
  %from_up = add i64 %from, %up
  %begin = udiv i64 %from_up, %all
  %to_up = add i64 %from_up, %chunks
  %end = udiv i64 %to_up, %all
  %some = icmp ult i64 %begin, %end
  br i1 %some, label %run, label %done
run:
  call void %kernel(ptr %table, i64 %begin, i64 %end)
  br label %done
done:
  ret void
}

; Claim pieces and run them, thread `index`'s own first, until none of the group is left.
define internal void @taper_take(ptr %team, i64 %group, ptr %entries, i64 %count, i64 %each, i64 %threads, i64 %index) nounwind {
entry:
  %total = mul i64 %count, %each
  %done_at = getelementptr i8, ptr %team, i64 64
  br label %owner
owner:
  %step = phi i64 [ 0, %entry ], [ %next_step, %next ]
  %over = icmp eq i64 %step, %threads
  br i1 %over, label %leave, label %look
look:
  %ahead = add i64 %index, %step
  %wraps = icmp uge i64 %ahead, %threads
  %less = sub i64 %ahead, %threads
  %whose = select i1 %wraps, i64 %less, i64 %ahead
  %offset = mul i64 %whose, 64
  %place = add i64 %offset, 1024
  %claim_at = getelementptr i8, ptr %team, i64 %place
  br label %again
again:
  %claim = load atomic i64, ptr %claim_at acquire, align 8
  %of = lshr i64 %claim, 20
  %same = icmp eq i64 %of, %group
  br i1 %same, label %left, label %leave
left:
  %piece = and i64 %claim, 1048575
  %some = icmp ult i64 %piece, %total
  br i1 %some, label %try, label %next
try:
  %more = add i64 %claim, 1
  %pair = cmpxchg ptr %claim_at, i64 %claim, i64 %more acq_rel monotonic, align 8
  %mine = extractvalue { i64, i1 } %pair, 1
  br i1 %mine, label %run, label %again
run:
  call void @taper_piece(ptr %entries, i64 %each, i64 %threads, i64 %whose, i64 %piece)
  %ignored = atomicrmw add ptr %done_at, i64 1 acq_rel
  br label %again
next:
  %next_step = add i64 %step, 1
  br label %owner
leave:
  ret void
}

define ptr @taper_worker(ptr %seat) nounwind {
entry:
  %team = load ptr, ptr %seat
  %p = getelementptr i8, ptr %seat, i64 8
  %index = load i64, ptr %p
  %p2 = getelementptr i8, ptr %seat, i64 16
  %start = load i64, ptr %p2
  %entries_at = getelementptr i8, ptr %team, i64 128
  %count_at = getelementptr i8, ptr %team, i64 136
  %each_at = getelementptr i8, ptr %team, i64 144
  %threads_at = getelementptr i8, ptr %team, i64 152
  %runs_at = getelementptr i8, ptr %team, i64 192
  %sleepers = getelementptr i8, ptr %team, i64 256
  %limit_at = getelementptr i8, ptr %team, i64 320
  %mutex = getelementptr i8, ptr %team, i64 384
  %condition = getelementptr i8, ptr %team, i64 512
  %w0 = getelementptr i8, ptr %team, i64 640
  %lock = load ptr, ptr %w0
  %w1 = getelementptr i8, ptr %team, i64 648
  %unlock = load ptr, ptr %w1
  %w2 = getelementptr i8, ptr %team, i64 656
  %wait = load ptr, ptr %w2
  %w4 = getelementptr i8, ptr %team, i64 672
  %sched_yield = load ptr, ptr %w4
  br label %idle
idle:
  %known = phi i64 [ %start, %entry ], [ %group, %finished ]
  br label %spin
spin:
  %round = phi i64 [ 0, %idle ], [ %more, %pause ]
  %seen = load atomic i64, ptr %team seq_cst, align 8
  %called = icmp ne i64 %seen, %known
  br i1 %called, label %work, label %stay
stay:
  %limit = load i64, ptr %limit_at
  %tired = icmp sgt i64 %round, %limit
  br i1 %tired, label %rest, label %pause
rest:
  ; The program that runs may go on to a group that is shared: it gets this thread's core, if it has none, but not its sleep.
  %runs = load atomic i64, ptr %runs_at seq_cst, align 8
  %idles = icmp eq i64 %runs, 0
  br i1 %idles, label %sleep, label %yield
yield:
  %ignored = call i32 %sched_yield()
  br label %pause
pause:
  $PAUSE
  %more = add i64 %round, 1
  br label %spin
sleep:
  %l = call i32 %lock(ptr %mutex)
  %s1 = atomicrmw add ptr %sleepers, i64 1 seq_cst
  br label %check
check:
  %late = load atomic i64, ptr %team seq_cst, align 8
  %woken = icmp ne i64 %late, %known
  br i1 %woken, label %awake, label %doze
doze:
  %d = call i32 %wait(ptr %condition, ptr %mutex)
  br label %check
awake:
  %s2 = atomicrmw sub ptr %sleepers, i64 1 seq_cst
  %u = call i32 %unlock(ptr %mutex)
  br label %work
work:
  ; What is read here may be a later group's already: then no claim under this number holds.
  %group = load atomic i64, ptr %team seq_cst, align 8
  %entries = load atomic ptr, ptr %entries_at monotonic, align 8
  %count = load atomic i64, ptr %count_at monotonic, align 8
  %each = load atomic i64, ptr %each_at monotonic, align 8
  %threads = load atomic i64, ptr %threads_at monotonic, align 8
  %has_share = icmp ult i64 %index, %threads
  br i1 %has_share, label %run, label %finished
run:
  call void @taper_take(ptr %team, i64 %group, ptr %entries, i64 %count, i64 %each, i64 %threads, i64 %index)
  br label %finished
finished:
  br label %idle
}

define internal void @taper_alone(ptr %entries, i64 %count) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %go = icmp slt i64 %i, %count
  br i1 %go, label %body, label %done
body:
  %at = getelementptr [4 x i64], ptr %entries, i64 %i
  %kernel = load ptr, ptr %at
  %p1 = getelementptr i8, ptr %at, i64 8
  %table = load ptr, ptr %p1
  %p2 = getelementptr i8, ptr %at, i64 16
  %chunks = load i64, ptr %p2
  call void %kernel(ptr %table, i64 0, i64 %chunks)
  %next = add i64 %i, 1
  br label %loop
done:
  ret void
}

; Share a group, and wait until it is done.
define internal void @taper_lead(ptr %team, ptr %entries, i64 %count, i64 %threads) nounwind {
entry:
  %done_at = getelementptr i8, ptr %team, i64 64
  %entries_at = getelementptr i8, ptr %team, i64 128
  %count_at = getelementptr i8, ptr %team, i64 136
  %each_at = getelementptr i8, ptr %team, i64 144
  %threads_at = getelementptr i8, ptr %team, i64 152
  %one = icmp eq i64 %count, 1
  %few = icmp ult i64 %count, 4
  %rather = select i1 %few, i64 2, i64 1
  %each = select i1 %one, i64 4, i64 %rather
  store atomic i64 0, ptr %done_at monotonic, align 8
  store atomic ptr %entries, ptr %entries_at monotonic, align 8
  store atomic i64 %count, ptr %count_at monotonic, align 8
  store atomic i64 %each, ptr %each_at monotonic, align 8
  store atomic i64 %threads, ptr %threads_at monotonic, align 8
  %last = load atomic i64, ptr %team monotonic, align 8
  %group = add i64 %last, 1
  %claim = shl i64 %group, 20
  br label %each_thread
each_thread:
  %t = phi i64 [ 0, %entry ], [ %t1, %each_thread ]
  %offset = mul i64 %t, 64
  %place = add i64 %offset, 1024
  %claim_at = getelementptr i8, ptr %team, i64 %place
  store atomic i64 %claim, ptr %claim_at release, align 8
  %t1 = add i64 %t, 1
  %those = icmp ult i64 %t1, %threads
  br i1 %those, label %each_thread, label %publish
publish:
  store atomic i64 %group, ptr %team seq_cst, align 8
  %sleepers = getelementptr i8, ptr %team, i64 256
  %asleep = load atomic i64, ptr %sleepers seq_cst, align 8
  %some = icmp sgt i64 %asleep, 0
  br i1 %some, label %wake, label %work
wake:
  %mutex = getelementptr i8, ptr %team, i64 384
  %condition = getelementptr i8, ptr %team, i64 512
  %w0 = getelementptr i8, ptr %team, i64 640
  %lock = load ptr, ptr %w0
  %w1 = getelementptr i8, ptr %team, i64 648
  %unlock = load ptr, ptr %w1
  %w3 = getelementptr i8, ptr %team, i64 664
  %broadcast = load ptr, ptr %w3
  %l = call i32 %lock(ptr %mutex)
  %b = call i32 %broadcast(ptr %condition)
  %u = call i32 %unlock(ptr %mutex)
  br label %work
work:
  call void @taper_take(ptr %team, i64 %group, ptr %entries, i64 %count, i64 %each, i64 %threads, i64 0)
  %pieces = mul i64 %count, %each
  %all = mul i64 %pieces, %threads
  br label %spin
spin:
  %round = phi i64 [ 0, %work ], [ %more, %again ]
  %found = load atomic i64, ptr %done_at acquire, align 8
  %complete = icmp eq i64 %found, %all
  br i1 %complete, label %done, label %pause
pause:
  $PAUSE
  %more = add i64 %round, 1
  %often = and i64 %more, 1023
  %long = icmp eq i64 %often, 0
  br i1 %long, label %yield, label %again
yield:
  ; A thread that is not running cannot finish: offer it the core.
  %w4 = getelementptr i8, ptr %team, i64 672
  %sched_yield = load ptr, ptr %w4
  %ignored = call i32 %sched_yield()
  br label %again
again:
  br label %spin
done:
  ret void
}

define void @taper_run(ptr %team, ptr %program, i64 %first, i64 %last, i64 %threads) nounwind {
entry:
  %alone = icmp eq i64 %threads, 1
  br i1 %alone, label %serial, label %together
serial:
  %start = getelementptr [4 x i64], ptr %program, i64 %first
  %number = sub i64 %last, %first
  call void @taper_alone(ptr %start, i64 %number)
  ret void
together:
  %runs_at = getelementptr i8, ptr %team, i64 192
  store atomic i64 1, ptr %runs_at seq_cst, align 8
  br label %groups
groups:
  %i = phi i64 [ %first, %together ], [ %after, %next ]
  %go = icmp slt i64 %i, %last
  br i1 %go, label %gather, label %done
gather:
  %k = phi i64 [ %i, %groups ], [ %k1, %longer ]
  %wide = phi i64 [ 0, %groups ], [ %wider, %longer ]
  %at = getelementptr [4 x i64], ptr %program, i64 %k
  %p2 = getelementptr i8, ptr %at, i64 16
  %chunks = load i64, ptr %p2
  %p3 = getelementptr i8, ptr %at, i64 24
  %meet = load i64, ptr %p3
  %several = icmp sgt i64 %chunks, 1
  %wider = select i1 %several, i64 1, i64 %wide
  %k1 = add i64 %k, 1
  %size = sub i64 %k1, %i
  %ends = icmp ne i64 %meet, 0
  %full = icmp uge i64 %size, 65536
  %out = icmp sge i64 %k1, %last
  %stop0 = or i1 %ends, %full
  %stop = or i1 %stop0, %out
  br i1 %stop, label %group, label %longer
longer:
  br label %gather
group:
  %after = phi i64 [ %k1, %gather ]
  %length = phi i64 [ %size, %gather ]
  %shares = phi i64 [ %wider, %gather ]
  %entries = getelementptr [4 x i64], ptr %program, i64 %i
  %shared = icmp ne i64 %shares, 0
  br i1 %shared, label %lead, label %own
lead:
  call void @taper_lead(ptr %team, ptr %entries, i64 %length, i64 %threads)
  br label %next
own:
  call void @taper_alone(ptr %entries, i64 %length)
  br label %next
next:
  br label %groups
done:
  store atomic i64 0, ptr %runs_at seq_cst, align 8
  ret void
}
