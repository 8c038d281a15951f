--------------------------- MODULE MigrationTrace ---------------------------
(***************************************************************************)
(* Recorded traces, judged by the same actions.  A trace is what crossed   *)
(* the monitor of one VM, from its first moment on; it is allowed if the   *)
(* steps of that VM can bring it about.  All other steps are hidden: they  *)
(* stutter to the observer.  The ties to the other VM are taken away, for  *)
(* one monitor knows nothing of it.                                        *)
(*                                                                         *)
(* TLC of this version reads no files, so a generator writes the traces    *)
(* down as a constant: several at once, for a run of TLC takes seconds to  *)
(* begin.  Each that can be followed to its end is printed.                *)
(*                                                                         *)
(* An observation is a record of one of these forms:                       *)
(*   [kind |-> "asked", request |-> name]                                  *)
(*   [kind |-> "event", event |-> name]                                    *)
(*   [kind |-> "reply", replies |-> the owed items that it may be]         *)
(*   [kind |-> "ended", lives |-> the lives in which a process ends so]    *)
(***************************************************************************)
EXTENDS Migration, TLC

CONSTANTS
  Traces,    \* the sequences of observations
  Settings   \* [name of a request -> the capabilities that it switches on and off]

VARIABLES
  which,   \* the trace that is followed
  at,      \* the observation that comes next
  reading  \* what a query-migrate that is being answered has read so far

traceVars == <<vars, which, at, reading>>

(* The one VM that is judged stands where the source does. *)
Me == "source"

(***************************************************************************)
(* How a process may have been started: with and without -S, as a          *)
(* destination or not.  Nothing is on before a client switches it on.      *)
(***************************************************************************)
Beginnings ==
  {[v EXCEPT !.caps = {}] : v \in
    {Fresh, [Fresh EXCEPT !.run = "prelaunch", !.autostart = FALSE]}
      \cup {[Deferred EXCEPT !.autostart = starts] : starts \in BOOLEAN}
      \cup {[Listening EXCEPT !.autostart = starts, !.hasAddress = has] : starts \in BOOLEAN, has \in BOOLEAN}}

TraceInit ==
  /\ \E v \in Beginnings : vm = [s \in Sides |-> IF s = Me THEN v ELSE Fresh]
  /\ owed = [s \in Sides |-> Idle]
  /\ asked = [s \in Sides |-> <<>>]
  /\ open = [s \in Sides |-> s = Me]
  /\ link = Unused
  /\ left = Often
  /\ which \in DOMAIN Traces
  /\ at = 1
  /\ reading = ""

-----------------------------------------------------------------------------
(* Commands that no environment has *)

Asks(requests) == asked[Me] # <<>> /\ Head(asked[Me]) \in requests

Setting == Settings[Head(asked[Me])]

Result == (vm[Me].caps \ Setting.off) \cup Setting.on

SetsNothing == vm[Me].outgoing \in InProgress

SharesNothing == {"postcopy-ram", "x-ignore-shared"} \subseteq Result

SetCapabilitiesInProgress ==
  /\ Asks(DOMAIN Settings) /\ SetsNothing
  /\ Answer(Me, DOMAIN Settings, "migrate-set-capabilities.in-progress")

SetCapabilitiesPostcopyHost ==
  /\ Asks(DOMAIN Settings) /\ ~SetsNothing
  /\ "postcopy-ram" \in Setting.on /\ Waits(Me) /\ ~Has(Me, "postcopy-ram")
  /\ Answer(Me, DOMAIN Settings, "migrate-set-capabilities.postcopy-host")

SetCapabilitiesPostcopyShared ==
  /\ Asks(DOMAIN Settings) /\ ~SetsNothing /\ SharesNothing
  /\ Answer(Me, DOMAIN Settings, "migrate-set-capabilities.postcopy-shared")

TooLate == {"multifd", "compress"} \cap Setting.on # {} /\ vm[Me].incoming = "active"

SetCapabilitiesWhileLoading ==
  /\ Asks(DOMAIN Settings) /\ ~SetsNothing /\ ~SharesNothing /\ TooLate
  /\ Execute(Me, DOMAIN Settings, [vm[Me] EXCEPT !.caps = Result, !.switchedLate = TRUE], <<>>,
             "migrate-set-capabilities.while-loading")
  /\ Untied

SetCapabilitiesAccepted ==
  /\ Asks(DOMAIN Settings) /\ ~SetsNothing /\ ~SharesNothing /\ ~TooLate
  /\ Execute(Me, DOMAIN Settings, [vm[Me] EXCEPT !.caps = Result], <<>>, "migrate-set-capabilities.accepted")
  /\ Untied

QueryStatus == Answer(Me, {"query-status"}, "query-status.answered:" \o vm[Me].run)

(* A request that has nothing to do with any migration: whatever its answer is, nothing comes of it. *)
Aside == Answer(Me, {"aside"}, "aside")

(***************************************************************************)
(* query-migrate reads the status twice: once for the members that go with *)
(* it, and once for itself.  Another thread may change it in between.      *)
(***************************************************************************)
Shown == IF vm[Me].outgoing # "none" THEN "outgoing " \o vm[Me].outgoing ELSE "incoming " \o vm[Me].incoming

ErrorShown ==
  IF vm[Me].outgoing # "failed" THEN "any" ELSE IF vm[Me].errorKnown THEN "error" ELSE "plain"

AddressShown ==
  IF vm[Me].load \in {"none", "deferred", "done"} \/ ~vm[Me].hasAddress THEN "away"
    ELSE IF vm[Me].load \in {"closing", "colo-leaving", "colo-left"} THEN "either" ELSE "there"

QueryMigrateBegun ==
  /\ Asks({"query-migrate"})
  /\ vm[Me].life \in Living
  /\ owed[Me]["main"] = <<>>
  /\ owed' = [owed EXCEPT ![Me]["main"] = <<"reading">>]
  /\ asked' = [asked EXCEPT ![Me] = Tail(@)]
  /\ reading' = Shown \o ":" \o ErrorShown \o ":" \o AddressShown
  /\ UNCHANGED <<vm, open, link, left>>

QueryMigrateAnswered ==
  /\ owed[Me]["main"] = <<"reading">>
  /\ owed' = [owed EXCEPT ![Me]["main"] = <<"reply:query-migrate:" \o reading \o ":" \o Shown>>]
  /\ reading' = ""
  /\ UNCHANGED <<vm, asked, open, link, left>>

-----------------------------------------------------------------------------
(* What is hidden, and what is observed *)

HiddenSteps ==
  \/ Repeats(Me) \/ Defects(Me) \/ Precopies(Me) \/ EndsAttempt(Me) \/ Postcopies(Me) \/ Colo(Me) \/ Loads(Me)
  \/ Goes(Me) \/ Executes(Me)
  \/ \E thread \in Threads : DeferredChange(Me, thread)
  \/ SetCapabilitiesInProgress \/ SetCapabilitiesPostcopyHost \/ SetCapabilitiesPostcopyShared
  \/ SetCapabilitiesWhileLoading \/ SetCapabilitiesAccepted
  \/ QueryStatus \/ Aside

Hidden ==
  \/ HiddenSteps /\ UNCHANGED reading
  \/ QueryMigrateBegun
  \/ QueryMigrateAnswered

Observation == Traces[which][at]

Asked ==
  /\ Observation.kind = "asked"
  /\ open[Me]
  /\ asked' = [asked EXCEPT ![Me] = Append(@, Observation.request)]
  /\ UNCHANGED <<vm, owed, open, link, left>>

Emitted ==
  /\ Observation.kind = "event"
  /\ \/ \E thread \in Threads :
          owed[Me][thread] # <<>> /\ Head(owed[Me][thread]) = Observation.event /\ Deliver(Me, thread)
     \/ /\ Observation.event \in Troubles[Me]
        /\ ShowsTrouble(Me)
        /\ left'[Me \o ":" \o Observation.event] < left[Me \o ":" \o Observation.event]

Replied ==
  /\ Observation.kind = "reply"
  /\ owed[Me]["main"] # <<>> /\ Head(owed[Me]["main"]) \in Observation.replies
  /\ Deliver(Me, "main")

HasEnded ==
  /\ Observation.kind = "ended"
  /\ vm[Me].life \in Observation.lives
  /\ Ended(Me)
  /\ UNCHANGED <<vm, left>>

Observed ==
  /\ Asked \/ Emitted \/ Replied \/ HasEnded
  /\ at' = at + 1
  /\ UNCHANGED reading

Follow ==
  /\ at <= Len(Traces[which])
  /\ UNCHANGED which
  /\ Observed \/ (Hidden /\ UNCHANGED at)

TraceSpec == TraceInit /\ [][Follow]_traceVars

(* Prints the traces that are followed to their end; it always holds. *)
Accepted == at > Len(Traces[which]) => PrintT(<<"accepted", which>>)

=============================================================================
