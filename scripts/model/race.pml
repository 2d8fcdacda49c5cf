/*
 * Who decides a transaction: its coordinator, which may be slow, and two recoverers on other nodes, which take it over
 * (L4, T6). The log orders what they append; the first of commit and abort in slot order wins, if its epoch is current.
 *
 * An append lands at any later moment, up to twice (a retry), or never; whoever waits for its answer may give up and
 * still go on. Everybody may die at any moment. The transaction swaps a live tree: whoever abandons it makes that tree
 * writable again, and then a second transaction may begin on it.
 *
 * -DPLANT_STALE_COMMIT   a commit applies whatever epoch it carries
 * -DPLANT_NO_FENCE       a take-over leaves the epoch as it was
 * -DPLANT_BLIND_REOPEN   the tree is made writable without looking, under its lock, whether that is still ours to do
 */
#define COORDINATOR 0
#define FIRST 1               /* the recoverers */
#define SECOND 2
#define LAST 3                /* comes when everybody else is done, and does not die */
#define STALE 255
#define DONE 254

mtype = { open, committed, aborted };

/* The replicated state. */
mtype decision = open;
byte epoch = 1;               /* the slot of the begin, or of the newest take-over */
bool takenOver;
byte slot = 1;                /* only take-overs are counted */
bool secondBegan;

/* On disk. */
bool staged = true, published, writable, sealedAgain;
byte treeLock;

/* Appends on their way: how often each may still land, and the epoch that it carries. */
#define COMMIT 0
#define ABORT 1
#define TAKE_OVER 2
byte flying[12], carries[12];
#define of(who, what) ((who) * 3 + (what))
/* A take-over's slot, or DONE; STALE for a refusal; 0 for none yet. */
byte answered[12];
byte running = 3;

#ifdef PLANT_STALE_COMMIT
#define mayCommit(e) true
#else
#define mayCommit(e) ((e) == epoch && !takenOver)
#endif

inline decide(what) {
  assert(decision == open || decision == what);        /* a decision never changes */
  decision = what
}

inline apply(who, what) {
  flying[of(who, what)]--;
  if
  :: decision != open -> answered[of(who, what)] = STALE
  :: else ->
      if
      :: what == COMMIT && mayCommit(carries[of(who, COMMIT)]) ->
          assert(!writable);                           /* what is committed was writable to nobody since the check */
          decide(committed); answered[of(who, what)] = DONE
      :: what == ABORT && carries[of(who, ABORT)] == epoch -> decide(aborted); answered[of(who, what)] = DONE
      :: what == TAKE_OVER ->
          slot++;
#ifndef PLANT_NO_FENCE
          epoch = slot; takenOver = true;
#endif
          answered[of(who, what)] = slot
      :: else -> answered[of(who, what)] = STALE
      fi
  fi;
  carries[of(who, what)] = (flying[of(who, what)] == 0 -> 0 : carries[of(who, what)])
}
#define LAND(who, what) :: d_step { flying[of(who, what)] > 0 -> apply(who, what) }
#define VANISH(who, what) :: d_step { flying[of(who, what)] > 0 && (who) != LAST -> flying[of(who, what)]-- }

active proctype replicatedLog() {
end:
  do
  LAND(COORDINATOR, COMMIT) LAND(COORDINATOR, ABORT)
  LAND(FIRST, TAKE_OVER) LAND(FIRST, ABORT)
  LAND(SECOND, TAKE_OVER) LAND(SECOND, ABORT)
  LAND(LAST, TAKE_OVER) LAND(LAST, ABORT)
  VANISH(COORDINATOR, COMMIT) VANISH(COORDINATOR, ABORT)
  VANISH(FIRST, TAKE_OVER) VANISH(FIRST, ABORT)
  VANISH(SECOND, TAKE_OVER) VANISH(SECOND, ABORT)
  od
}

inline propose(who, what, e, times) { d_step { carries[of(who, what)] = e; flying[of(who, what)] = times } }

/* What follows a decision, by whoever sees it: idempotent, and only what the log says. */
inline finish() {
  if
  :: decision == committed -> d_step { assert(staged || published); staged = false; published = true }
  :: decision == aborted -> d_step { assert(!published); staged = false }
  :: decision == open
  fi
}

proctype coordinator() {
  if
  :: propose(COORDINATOR, COMMIT, 1, 2)
  :: propose(COORDINATOR, ABORT, 1, 1)
  :: goto dead
  fi;
  if
  :: answered[of(COORDINATOR, COMMIT)] != 0 || answered[of(COORDINATOR, ABORT)] != 0
  :: skip                     /* the outcome is unknown to it: it asks the log */
  :: goto dead
  fi;
  finish();
dead:
  running--
}

/* Under the tree's lock: look, then act. The second transaction takes the same lock. */
inline reopen(mine) {
  d_step { treeLock == 0 -> treeLock = 1 };
#ifdef PLANT_BLIND_REOPEN
  may = true;
#else
  may = (decision == open && epoch == mine);
#endif
  if
  :: may -> d_step { assert(!sealedAgain); writable = true }
  :: else
  fi;
  d_step { treeLock = 0; may = false }
}

proctype recoverer(byte who) {
  byte mine;
  bool may;
again:
  if
  :: decision != open -> goto decided
  :: who != LAST -> goto dead
  :: decision == open
  fi;
  answered[of(who, TAKE_OVER)] = 0;
  answered[of(who, ABORT)] = 0;
  propose(who, TAKE_OVER, 0, (who == FIRST -> 2 : 1));
  if
  :: answered[of(who, TAKE_OVER)] == STALE -> goto decided
  :: answered[of(who, TAKE_OVER)] != 0 && answered[of(who, TAKE_OVER)] != STALE
  :: who != LAST -> goto dead
  fi;
#ifdef PLANT_NO_FENCE
  mine = epoch;
#else
  mine = answered[of(who, TAKE_OVER)];
#endif
  reopen(mine);
  propose(who, ABORT, mine, 1);
  if
  :: answered[of(who, ABORT)] != 0 ->
      /* Refused although nothing is decided: somebody took it over after us, perhaps one who is dead since. */
      if
      :: who == LAST && decision == open -> goto again
      :: else
      fi
  :: who != LAST              /* the outcome is unknown to it: it asks the log */
  :: who != LAST -> goto dead
  fi;
decided:
  finish();
dead:
  running--
}

/* The tree is free again once the transaction is decided: the next one makes it read-only for its own check. */
proctype second() {
end:
  decision == aborted;
  secondBegan = true;
  d_step { treeLock == 0 -> treeLock = 1 };
  d_step { writable = false; sealedAgain = true; treeLock = 0 }
}

init {
  atomic { run coordinator(); run recoverer(FIRST); run recoverer(SECOND); run second() }
  /* Nobody needs the dead: one who comes alone decides, and finishes what is decided. */
  running == 0;
  running = 1;
  run recoverer(LAST);
  running == 0;
  assert(decision != open);
  assert(!staged);
  assert(published == (decision == committed))
}
