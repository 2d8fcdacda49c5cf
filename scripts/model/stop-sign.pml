/*
 * Changing who votes by a stop-sign: {A, B, C} gives way to {A, D, E}, while members are lost for good (T14).
 *
 * The first configuration runs Sequence Paxos with three ballots over logs of a few entries. Whoever proposes
 * the stop-sign waits until a majority of the *new* voters hold the log before it; nothing is accepted after it in its
 * configuration; members that are removed keep and serve their log until the new configuration has chosen an entry.
 *
 * A message is one step: what is sent may arrive at any later moment, or never. Every step adds something (a promise,
 * an entry, a loss), so every execution ends; where nothing more can happen, the judge at the end decides.
 *
 * -DLOST=SET  who is lost for good, each at any moment, as bits
 * -DDURABLE   also everybody is lost whom the chosen stop-sign removes: no chosen command may be lost with them.
 *             Otherwise the judge wants more: that the new configuration gets to choose
 * -DPLANT_NO_CATCH_UP  the stop-sign is proposed whatever the new voters hold
 * -DPLANT_WIPE         a removed member is wiped as soon as it knows that it is removed
 * -DPLANT_AFTER_STOP   the first configuration goes on after its stop-sign
 *
 * Ballot 1 is A's, with a command of its own; ballot 2 is B's, which without one may put the stop-sign in that command's
 * slot. B and C are alike but for that, and so are D and E.
 */
#define A 0
#define B 1
#define C 2
#define D 3
#define E 4
#define OLD 7                 /* A, B, C as bits */
#define NEW 25                /* A, D, E */
#define bit(n) (1 << (n))
#define in(n, set) ((set) & bit(n))
#define size(s) (((s) & 1) + (((s) >> 1) & 1) + (((s) >> 2) & 1) + (((s) >> 3) & 1) + (((s) >> 4) & 1))
#define isQuorum(set, voters) (size((set) & (voters)) >= 2)

/* A log: two bits an entry, the first one lowest. 0: nothing; the command of ballot 1; the stop-sign. */
#define STOP 3
#define OF_THE_NEXT 4         /* what the second configuration chooses first */
#define lengthOf(log) ((log) == 0 -> 0 : ((log) < 4 -> 1 : ((log) < 16 -> 2 : ((log) < 64 -> 3 : 4))))
#define prefix(log, length) ((log) & ((1 << (2 * (length))) - 1))
#define entryAt(log, slot) (((log) >> (2 * ((slot) - 1))) & 3)
#define append(log, entry) ((log) | ((entry) << (2 * lengthOf(log))))
#define ended(log) ((log) != 0 && entryAt(log, lengthOf(log)) == STOP)

/* What a replica holds durably; nothing where it is gone. */
byte promised[5], accepted[5], log[5];
/* Sets of replicas. */
byte gone;                    /* lost, or wiped after their removal */
byte over;                    /* know that the stop-sign is chosen: they have left the first configuration */

/* The ballots of the first configuration: b has the number b. */
#define NOBODY 9
byte leader[4] = NOBODY;
byte promisedTo[4];           /* a set */
bool leads[4];
byte proposal[4], synced[4];  /* what it proposed so far, and how much of that it adopted */
byte adopted[4];              /* the ballot under which what it adopted was accepted */
bool spoke[4];                /* has proposed its command */
byte holders[20];             /* a set for each (ballot, slot): who ever held that much under that ballot */
#define holds(b, slot) holders[(b) * 5 + (slot)]

/* What is chosen, slot by slot, whoever knows it. */
byte chosen[6];
byte finalLog;                /* up to the chosen stop-sign */
byte acceptedNext;            /* a set: who accepted the second configuration's first entry */
bool nextChose;

#define present(n) (!in(n, gone))
#define isOver(n) in(n, over)

inline choose(slot, entry) {
  assert(chosen[slot] == 0 || chosen[slot] == entry);  /* agreement */
  chosen[slot] = entry
}

inline forget(n) {
  gone = gone | bit(n);
  over = over & ~bit(n);
  promised[n] = 0; accepted[n] = 0; log[n] = 0
}

byte k, length;

#define START(b, n) \
  :: d_step { leader[b] == NOBODY && present(n) && !isOver(n) && promised[n] < b -> \
      leader[b] = n; promised[n] = b; promisedTo[b] = bit(n); \
      adopted[b] = accepted[n]; proposal[b] = log[n] }

#define PROMISE(b, n) \
  :: d_step { leader[b] != NOBODY && !leads[b] && present(leader[b]) && present(n) && !isOver(n) && promised[n] < b -> \
      promised[n] = b; promisedTo[b] = promisedTo[b] | bit(n); \
      if \
      :: accepted[n] > adopted[b] || (accepted[n] == adopted[b] && lengthOf(log[n]) > lengthOf(proposal[b])) -> \
          adopted[b] = accepted[n]; proposal[b] = log[n] \
      :: else \
      fi; \
      if \
      :: isQuorum(promisedTo[b], OLD) -> leads[b] = true; synced[b] = lengthOf(proposal[b]) \
      :: else \
      fi }

#define mayPropose(b) (leads[b] && present(leader[b]) && promised[leader[b]] == b && !isOver(leader[b]))

#ifdef PLANT_AFTER_STOP
#define goesOn(b) true
#else
#define goesOn(b) (!ended(proposal[b]))
#endif

#define PROPOSE_COMMAND(b) \
  :: d_step { mayPropose(b) && goesOn(b) && !spoke[b] -> proposal[b] = append(proposal[b], b); spoke[b] = true }

#ifdef PLANT_NO_CATCH_UP
#define caughtUp(b) true
#else
#define caughtUp(b) (proposal[b] == 0 || isQuorum(holds(b, lengthOf(proposal[b])), NEW))
#endif

#define PROPOSE_STOP(b) \
  :: d_step { mayPropose(b) && !ended(proposal[b]) && stopsIn(b) == 0 && caughtUp(b) -> \
      proposal[b] = append(proposal[b], STOP) }
#define stopsIn(b) ((entryAt(proposal[b], 1) == STOP) + (entryAt(proposal[b], 2) == STOP) + (entryAt(proposal[b], 3) == STOP))

/* D and E accept as learners: they hold the log, and do not count as voters of the first configuration. */
#define ACCEPT(b, n) \
  :: d_step { leads[b] && present(n) && !isOver(n) && promised[n] <= b && \
      (accepted[n] < b || lengthOf(log[n]) < lengthOf(proposal[b])) -> \
      length = (in(n, OLD) -> (accepted[n] < b -> synced[b] : lengthOf(log[n]) + 1) : lengthOf(proposal[b])); \
      promised[n] = b; accepted[n] = b; log[n] = prefix(proposal[b], length); \
      k = 1; \
      do \
      :: k <= length -> \
          holds(b, k) = holds(b, k) | bit(n); \
          if \
          :: isQuorum(holds(b, k), OLD) -> \
              choose(k, entryAt(log[n], k)); \
              finalLog = (entryAt(log[n], k) == STOP -> prefix(log[n], k) : finalLog) \
          :: else \
          fi; \
          k = k + 1 \
      :: else -> break \
      od; length = 0; k = 0 }

/* A leader counts; everybody else learns from somebody who knows. */
#define COUNT(b) \
  :: d_step { leads[b] && present(leader[b]) && !isOver(leader[b]) && accepted[leader[b]] == b && finalLog != 0 && \
      isQuorum(holds(b, lengthOf(finalLog)), OLD) && lengthOf(log[leader[b]]) >= lengthOf(finalLog) -> \
      over = over | bit(leader[b]) }

#define LEARN(n) \
  :: d_step { present(n) && !isOver(n) && over != 0 -> log[n] = finalLog; over = over | bit(n) }

/* The second configuration: its voters take part once they hold the log up to the stop-sign. One value is enough. */
#define ACCEPT_NEXT(n) \
  :: d_step { present(n) && isOver(n) && !in(n, acceptedNext) -> \
      acceptedNext = acceptedNext | bit(n); \
      if \
      :: isQuorum(acceptedNext, NEW) && !nextChose -> nextChose = true; choose(lengthOf(finalLog) + 1, OF_THE_NEXT) \
      :: else \
      fi }

#ifdef PLANT_WIPE
#define mayRetire(n) (isOver(n))
#else
#define mayRetire(n) (isOver(n) && nextChose)
#endif
#define RETIRE(n) :: d_step { present(n) && mayRetire(n) -> forget(n) }

#ifdef DURABLE
#define doomed(n) (in(n, LOST) || (finalLog != 0 && !in(n, NEW)))
#else
#define doomed(n) (in(n, LOST))
#endif
#ifdef DURABLE
#define LOSE(n) :: d_step { present(n) && doomed(n) -> forget(n); \
    assert(!isCommand(1) || survives(1)); assert(!isCommand(2) || survives(2)) }
#else
#define LOSE(n) :: d_step { present(n) && doomed(n) -> forget(n) }
#endif

/* Where nothing more can happen, one more ballot shows what is still possible. */
#define RECOVER(n) \
  :: atomic { timeout && leader[3] == NOBODY && !nextChose && present(n) && !isOver(n) -> \
      leader[3] = n; promised[n] = 3; promisedTo[3] = bit(n); adopted[3] = accepted[n]; proposal[3] = log[n] }

#ifdef DURABLE
#define canRecover false
#else
#define canRecover ((present(A) && !isOver(A)) || (present(B) && !isOver(B)) || (present(C) && !isOver(C)))
#endif

#define survives(slot) (heldBy(A, slot) || heldBy(B, slot) || heldBy(C, slot) || heldBy(D, slot) || heldBy(E, slot))
#define heldBy(n, slot) (present(n) && entryAt(log[n], slot) == chosen[slot])
#define isCommand(slot) (chosen[slot] == 1)

active proctype world() {
  do
  LOSE(A) LOSE(B) LOSE(C) LOSE(D) LOSE(E)
  START(1, A) START(2, B)
  PROMISE(1, B) PROMISE(1, C)
  PROMISE(2, A) PROMISE(2, C)
  PROMISE(3, A) PROMISE(3, B) PROMISE(3, C)
  PROPOSE_COMMAND(1)
  PROPOSE_STOP(1) PROPOSE_STOP(2) PROPOSE_STOP(3)
  ACCEPT(1, A) ACCEPT(1, B) ACCEPT(1, C)
  ACCEPT(2, A) ACCEPT(2, B) ACCEPT(2, C)
  ACCEPT(3, A) ACCEPT(3, B) ACCEPT(3, C)
  ACCEPT(1, D) ACCEPT(1, E) ACCEPT(2, D) ACCEPT(2, E) ACCEPT(3, D) ACCEPT(3, E)
#ifndef DURABLE
  /* What one learns from another can only help to keep it. */
  RETIRE(B) RETIRE(C)
  COUNT(1) COUNT(2) COUNT(3)
  LEARN(A) LEARN(B) LEARN(C) LEARN(D) LEARN(E)
  ACCEPT_NEXT(A) ACCEPT_NEXT(D) ACCEPT_NEXT(E)
  RECOVER(A) RECOVER(B) RECOVER(C)
#endif
  :: timeout && (leader[3] != NOBODY || nextChose || !canRecover) -> break
  od;
#ifndef DURABLE
  assert(nextChose)
#endif
}
