; The team's code. A program is an array of entries {kernel, table, chunks, barrier}: every thread runs all of them on
; its share of the chunks and waits for the others where `barrier` is set. Entries of one chunk are thread 0's alone.
;
; The team's memory, one line of the cache each, in bytes:
;   0 generation   64 arrived   128 barrier   192 program   200 first   208 last   216 threads   256 sleepers
;   320 rounds to spin before sleeping   384 mutex   512 condition
;   640 pthread_mutex_lock  648 pthread_mutex_unlock  656 pthread_cond_wait  664 pthread_cond_broadcast  672 sched_yield

define void @taper_wait_for_all(ptr %team, i64 %threads) nounwind {
entry:
  %barrier = getelementptr i8, ptr %team, i64 128
  %arrived = getelementptr i8, ptr %team, i64 64
  %then = load atomic i64, ptr %barrier seq_cst, align 8
  %before = atomicrmw add ptr %arrived, i64 1 seq_cst
  %mine = add i64 %before, 1
  %last = icmp eq i64 %mine, %threads
  br i1 %last, label %open, label %spin
open:
  store atomic i64 0, ptr %arrived seq_cst, align 8
  %next = add i64 %then, 1
  store atomic i64 %next, ptr %barrier seq_cst, align 8
  ret void
spin:
  %round = phi i64 [ 0, %entry ], [ %more, %again ]
  %now = load atomic i64, ptr %barrier acquire, align 8
  %moved = icmp ne i64 %now, %then
  br i1 %moved, label %done, label %pause
pause:
  $PAUSE
  %more = add i64 %round, 1
  %often = and i64 %more, 4095
  %long = icmp eq i64 %often, 0
  br i1 %long, label %yield, label %again
yield:
  ; A thread that is not running cannot arrive: offer it the core.
  %where = getelementptr i8, ptr %team, i64 672
  %sched_yield = load ptr, ptr %where
  %ignored = call i32 %sched_yield()
  br label %again
again:
  br label %spin
done:
  ret void
}

define void @taper_share(ptr %team, ptr %program, i64 %first, i64 %last, i64 %index, i64 %threads) nounwind {
entry:
  %alone = icmp eq i64 %threads, 1
  br label %loop
loop:
  %i = phi i64 [ %first, %entry ], [ %following, %next ]
  %go = icmp slt i64 %i, %last
  br i1 %go, label %body, label %done
body:
  %at = getelementptr [4 x i64], ptr %program, i64 %i
  %kernel = load ptr, ptr %at
  %p1 = getelementptr i8, ptr %at, i64 8
  %table = load ptr, ptr %p1
  %p2 = getelementptr i8, ptr %at, i64 16
  %chunks = load i64, ptr %p2
  %p3 = getelementptr i8, ptr %at, i64 24
  %meet = load i64, ptr %p3
  %following = add i64 %i, 1
  br i1 %alone, label %whole, label %part
whole:
  call void %kernel(ptr %table, i64 0, i64 %chunks)
  br label %next
part:
  %from = mul i64 %chunks, %index
  %begin = udiv i64 %from, %threads
  %after = add i64 %from, %chunks
  %end = udiv i64 %after, %threads
  %some = icmp ult i64 %begin, %end
  %single = icmp eq i64 %chunks, 1
  %first_thread = icmp eq i64 %index, 0
  %share = select i1 %single, i1 %first_thread, i1 %some
  br i1 %share, label %run, label %rest
run:
  %b = select i1 %single, i64 0, i64 %begin
  %e = select i1 %single, i64 1, i64 %end
  call void %kernel(ptr %table, i64 %b, i64 %e)
  br label %rest
rest:
  %waits = icmp ne i64 %meet, 0
  br i1 %waits, label %barrier, label %next
barrier:
  call void @taper_wait_for_all(ptr %team, i64 %threads)
  br label %next
next:
  br label %loop
done:
  ret void
}

define ptr @taper_worker(ptr %seat) nounwind {
entry:
  %team = load ptr, ptr %seat
  %p = getelementptr i8, ptr %seat, i64 8
  %index = load i64, ptr %p
  %p2 = getelementptr i8, ptr %seat, i64 16
  %start = load i64, ptr %p2
  %mutex = getelementptr i8, ptr %team, i64 384
  %condition = getelementptr i8, ptr %team, i64 512
  %sleepers = getelementptr i8, ptr %team, i64 256
  %limit_at = getelementptr i8, ptr %team, i64 320
  %w0 = getelementptr i8, ptr %team, i64 640
  %lock = load ptr, ptr %w0
  %w1 = getelementptr i8, ptr %team, i64 648
  %unlock = load ptr, ptr %w1
  %w2 = getelementptr i8, ptr %team, i64 656
  %wait = load ptr, ptr %w2
  br label %idle
idle:
  %known = phi i64 [ %start, %entry ], [ %generation, %finished ]
  br label %spin
spin:
  %round = phi i64 [ 0, %idle ], [ %more, %pause ]
  %seen = load atomic i64, ptr %team seq_cst, align 8
  %called = icmp ne i64 %seen, %known
  br i1 %called, label %work, label %pause_or_sleep
pause_or_sleep:
  %limit = load i64, ptr %limit_at
  %tired = icmp sgt i64 %round, %limit
  br i1 %tired, label %sleep, label %pause
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
  %generation = load atomic i64, ptr %team seq_cst, align 8
  %a0 = getelementptr i8, ptr %team, i64 192
  %program = load ptr, ptr %a0
  %stop = icmp eq ptr %program, null
  br i1 %stop, label %leave, label %go
go:
  %a1 = getelementptr i8, ptr %team, i64 200
  %first = load i64, ptr %a1
  %a2 = getelementptr i8, ptr %team, i64 208
  %last = load i64, ptr %a2
  %a3 = getelementptr i8, ptr %team, i64 216
  %threads = load i64, ptr %a3
  %mine = icmp slt i64 %index, %threads
  br i1 %mine, label %run, label %finished
run:
  call void @taper_share(ptr %team, ptr %program, i64 %first, i64 %last, i64 %index, i64 %threads)
  call void @taper_wait_for_all(ptr %team, i64 %threads)
  br label %finished
finished:
  br label %idle
leave:
  ret ptr null
}

define void @taper_run(ptr %team, ptr %program, i64 %first, i64 %last, i64 %threads) nounwind {
entry:
  %alone = icmp eq i64 %threads, 1
  br i1 %alone, label %serial, label %together
serial:
  call void @taper_share(ptr %team, ptr %program, i64 %first, i64 %last, i64 0, i64 1)
  ret void
together:
  %a0 = getelementptr i8, ptr %team, i64 192
  store ptr %program, ptr %a0
  %a1 = getelementptr i8, ptr %team, i64 200
  store i64 %first, ptr %a1
  %a2 = getelementptr i8, ptr %team, i64 208
  store i64 %last, ptr %a2
  %a3 = getelementptr i8, ptr %team, i64 216
  store i64 %threads, ptr %a3
  %g = atomicrmw add ptr %team, i64 1 seq_cst
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
  call void @taper_share(ptr %team, ptr %program, i64 %first, i64 %last, i64 0, i64 %threads)
  call void @taper_wait_for_all(ptr %team, i64 %threads)
  ret void
}
