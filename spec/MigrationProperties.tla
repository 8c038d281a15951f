------------------------ MODULE MigrationProperties ------------------------
(***************************************************************************)
(* What must never and what must in the end happen.  A property of the     *)
(* catalogue of migspec has the formula of its name: guest.one-side is     *)
(* GuestOneSide.  A property that QEMU does not keep to without exception  *)
(* is there twice; the one called Strict has no exceptions, and TLC finds  *)
(* it violated.                                                            *)
(*                                                                         *)
(* That every action is taken, TLC's coverage tells; that every status is  *)
(* reached, the violation of a formula that says it is not.                *)
(***************************************************************************)
EXTENDS Migration

(* What the formulas speak of. *)
Source == vm["source"]
Destination == vm["destination"]
Exits(s) == vm[s].life # "alive"
RunsGuest(s) == vm[s].run = "running" /\ vm[s].life \in Looping
BothRun == RunsGuest("source") /\ RunsGuest("destination")
Over == {"completed", "failed", "cancelled"}

(* An attempt of the source is executed. *)
AttemptExecuted == asked["source"] # <<>> /\ asked'["source"] = Tail(asked["source"]) /\ Head(asked["source"]) \in Attempts

-----------------------------------------------------------------------------
(* Of the guest *)

GuestOneSideStrict == ~BothRun

(* Where both may run the guest: by design in COLO, by the client's wish, or too late for the source. *)
GuestOneSide ==
  BothRun => \/ "x-colo" \in Source.caps
             \/ Source.outgoing \in {"completed", "cancelling", "cancelled", "failed", "setup"}

RunsAgain == Source.outgoing = "completed" /\ ~RunsGuest("source") /\ RunsGuest("source")'

ByCont == ContStopped("source")

ByTakeover == GuestColoPrimaryGoesOn("source") \/ GuestColoPrimaryGoesOnSilently("source")

GuestStaysAwayStrict == [][RunsAgain => ByCont]_vars

GuestStaysAway == [][RunsAgain => ByCont \/ ByTakeover]_vars

MigrationLoaded ==
  Source.outgoing = "completed" /\ ReturnPath("source") => Destination.incoming \in {"completed", "colo"}

-----------------------------------------------------------------------------
(* No status without its capability *)

OutgoingNeedsPauseBeforeSwitchover ==
  Source.outgoing \in {"pre-switchover", "device"} => Has("source", "pause-before-switchover")

OutgoingNeedsPostcopy ==
  Source.outgoing \in {"postcopy-active", "postcopy-paused", "postcopy-recover"} => PostcopyAllowed("source")

OutgoingNeedsXColo == Source.outgoing = "colo" => Has("source", "x-colo")

IncomingNeedsPostcopy ==
  Destination.incoming \in {"postcopy-paused", "postcopy-recover"} => Has("destination", "postcopy-ram")

-----------------------------------------------------------------------------
(* Of the statuses, and of the steps that change them *)

Lasts(status) == Source.outgoing = status => Source.outgoing' = status \/ AttemptExecuted

OutgoingCompletedLasts == [][Lasts("completed")]_vars
OutgoingFailedLasts == [][Lasts("failed")]_vars
OutgoingCancelledLasts == [][Lasts("cancelled")]_vars

(* Only a new process has not what the one before it had. *)
LastsThere(status) == Destination.incoming = status /\ open["destination"] => Destination.incoming' = status

IncomingCompletedLasts == [][LastsThere("completed")]_vars
IncomingFailedLasts == [][LastsThere("failed")]_vars

OutgoingRecoverFromPaused ==
  [][Source.outgoing' = "postcopy-recover" => Source.outgoing \in {"postcopy-paused", "postcopy-recover"}]_vars

IncomingRecoverFromPaused ==
  [][Destination.incoming' = "postcopy-recover"
     => Destination.incoming \in {"postcopy-paused", "postcopy-recover"}]_vars

OutgoingOneAtATime ==
  [][MigrateAccepted("source") \/ MigrateConnected("source") => Source.outgoing \notin InProgress]_vars

MigrateCancelTakesEffect ==
  [][/\ asked["source"] # <<>> /\ Head(asked["source"]) = "cancel" /\ asked'["source"] = <<>> /\ open'["source"]
     /\ Source.outgoing \in InProgress
     => Source.outgoing' = "cancelling"]_vars

PassFirst ==
  [][OutgoingPass("source") \/ OutgoingLastPass("source") \/ OutgoingPostcopyLastPass("source")
     => Source.stage \notin {"idle", "connecting", "setting-up"}]_vars

(* A reply that tells of a refusal. *)
Refusals ==
  {"migrate.resume.not-paused", "migrate.resume.release-ram", "migrate.in-progress", "migrate.inmigrate",
   "migrate.blocked", "migrate.block-options", "migrate-start-postcopy.capability",
   "migrate-start-postcopy.not-started", "migrate-pause.not-postcopy", "migrate-pause.no-shutdown",
   "migrate-incoming.not-deferred", "migrate-incoming.repeated", "migrate-incoming.uri",
   "migrate-recover.not-paused", "migrate-recover.repeated", "cont.dump", "cont.reset-needed", "cont.finish-migrate",
   "cont.disk", "x-colo-lost-heartbeat.not-in-colo", "x-colo-lost-heartbeat.repeated",
   "migrate-set-capabilities.in-progress", "migrate-set-capabilities.postcopy-shared"}
    \cup {"migrate-continue.other-state:" \o status : status \in Statuses}

(* Refusals that are made when the attempt has begun already, or that use up the one try of a recovery. *)
RefusalsBegun ==
  {"migrate.uri.scheme", "migrate.uri.scheme.returned", "migrate.uri.body", "migrate-recover.uri"}

(* The main loop of s executes a request, and answers with one of these cases. *)
Answered(s, cases) ==
  /\ asked[s] # <<>> /\ asked'[s] # asked[s] /\ open'[s]
  /\ LET main == owed'[s]["main"] IN
       /\ main # <<>>
       /\ \E case \in cases : main[Len(main)] = "reply:" \o Head(asked[s]) \o ":" \o case

(* What ends a process that executes a request too late is a step of its own. *)
Untouched(s) == vm'[s] \in {vm[s], [vm[s] EXCEPT !.life = "aborted"]}

CommandRefusedInertStrict == [][\A s \in Sides : Answered(s, Refusals \cup RefusalsBegun) => Untouched(s)]_vars

CommandRefusedInert == [][\A s \in Sides : Answered(s, Refusals) => Untouched(s)]_vars

ProcessFailsIncoming ==
  [][Destination.life = "dying" /\ ProcessEnd("destination") => Destination.incoming' = "failed"]_vars

-----------------------------------------------------------------------------
(* What goes together in every state of a VM: the outgoing side *)

StatusHas(s, status, stages) == vm[s].outgoing = status => vm[s].stage \in stages

OutgoingNoneStage(s) == StatusHas(s, "none", {"idle"})
OutgoingSetupStage(s) == StatusHas(s, "setup", {"connecting", "setting-up", "set-up", "ending", "cleaning"})
OutgoingWaitUnplugStage(s) == StatusHas(s, "wait-unplug", {"unplugging"})
OutgoingActiveStage(s) ==
  StatusHas(s, "active", {"iterating", "committed", "stopped", "saving", "saved", "switching", "postcopy-stopping",
                          "postcopy-stopped", "postcopy-saving", "ending"})
OutgoingPreSwitchoverStage(s) == StatusHas(s, "pre-switchover", {"held", "postcopy-held"})
OutgoingDeviceStage(s) == StatusHas(s, "device", {"saving", "saved", "stuck"})
OutgoingPostcopyActiveStage(s) ==
  StatusHas(s, "postcopy-active", {"postcopy-stopping", "postcopy-stopped", "postcopy-saving", "iterating"})
OutgoingPostcopyPausedStage(s) == StatusHas(s, "postcopy-paused", {"paused"})
OutgoingPostcopyRecoverStage(s) == StatusHas(s, "postcopy-recover", {"paused", "resuming"})
OutgoingColoStage(s) ==
  StatusHas(s, "colo", {"colo-starting", "colo-running", "colo-stopped", "colo-saving", "colo-exited"})
OutgoingCompletedStage(s) == StatusHas(s, "completed", {"colo-leaving", "colo-left", "ending", "cleaning", "idle"})
OutgoingCancelledStage(s) == StatusHas(s, "cancelled", {"cleaning", "idle"})

OutgoingInProgressStage(s) == vm[s].outgoing \in InProgress \cup {"colo"} => vm[s].stage # "idle"

OutgoingNoneNotes(s) ==
  vm[s].outgoing = "none" =>
    /\ ~vm[s].wasRunning /\ ~vm[s].switchAsked /\ ~vm[s].resuming /\ ~vm[s].poisoned /\ ~vm[s].errorKnown
    /\ ~vm[s].failover /\ ~vm[s].piped /\ ~vm[s].coloThread
    /\ vm[s].blockOptions = "none"

OutgoingErrorEnded(s) == vm[s].errorKnown => vm[s].outgoing \in {"setup", "cancelling"} \cup Over

OutgoingGuestThere(s) == vm[s].stage # "idle" => vm[s].run # "inmigrate"

OutgoingGuestReleased(s) == vm[s].stage = "cleaning" => vm[s].run # "finish-migrate"

OutgoingWasRunningStopped(s) ==
  vm[s].wasRunning =>
    vm[s].stage \notin {"connecting", "setting-up", "set-up", "unplugging", "iterating", "last-turn", "committed",
                        "switching", "postcopy-stopping"}

OutgoingPostcopyWasRunning(s) ==
  vm[s].wasRunning =>
    vm[s].stage \notin {"postcopy-stopped", "postcopy-held", "postcopy-saving", "paused", "resuming"}

OutgoingUnpluggingFailover(s) == vm[s].stage = "unplugging" => vm[s].failover

OutgoingSwitchAsked(s) ==
  vm[s].stage \in {"switching", "postcopy-stopping", "postcopy-stopped", "postcopy-held"} => vm[s].switchAsked

OutgoingPauseCapability(s) == vm[s].outgoing \in {"pre-switchover", "device"} => Has(s, "pause-before-switchover")

OutgoingResumingPaused(s) ==
  vm[s].resuming \/ vm[s].poisoned => vm[s].stage \in {"paused", "ending", "cleaning", "idle"}

OutgoingColoThread(s) ==
  vm[s].stage \in {"colo-starting", "colo-running", "colo-stopped", "colo-saving"} => vm[s].coloThread

OutgoingColoReported(s) == vm[s].stage \in {"colo-exited", "colo-left"} => ~vm[s].coloThread

-----------------------------------------------------------------------------
(* The incoming side, and the process *)

StatusLoads(s, status, loads) == vm[s].incoming = status => vm[s].load \in loads

IncomingNoneLoad(s) == StatusLoads(s, "none", {"none", "deferred", "listening"})
IncomingActiveLoad(s) == StatusLoads(s, "active", {"loading"})
IncomingPostcopyActiveLoad(s) == StatusLoads(s, "postcopy-active", {"loading", "postcopy", "running"})
IncomingPostcopyPausedLoad(s) == StatusLoads(s, "postcopy-paused", {"paused", "recovering"})
IncomingPostcopyRecoverLoad(s) == StatusLoads(s, "postcopy-recover", {"recovering", "recovered"})
IncomingColoLoad(s) == StatusLoads(s, "colo", {"colo-starting", "colo-running", "colo-stopped", "colo-exited"})
IncomingCompletedLoad(s) == StatusLoads(s, "completed", {"colo-leaving", "colo-left", "closing", "done"})
IncomingFailedLoad(s) == StatusLoads(s, "failed", {"loading", "postcopy", "running"})

IncomingStatuses(s) ==
  vm[s].incoming \in {"none", "active", "postcopy-active", "postcopy-paused", "postcopy-recover", "colo", "completed",
                      "failed"}

IncomingGuestWaits(s) ==
  vm[s].run = "inmigrate" =>
    vm[s].load \in {"deferred", "listening", "loading", "postcopy", "colo-starting", "colo-exited"}

IncomingDeferred(s) == vm[s].load = "deferred" => vm[s].defer /\ ~vm[s].accepted /\ ~vm[s].hasAddress

IncomingDeferredUntilAccepted(s) == vm[s].defer /\ ~vm[s].accepted => vm[s].load = "deferred"

IncomingAccepted(s) == vm[s].accepted => vm[s].defer

IncomingAddress(s) ==
  vm[s].load = "none" => ~vm[s].defer /\ ~vm[s].hasAddress /\ ~vm[s].recoverAsked /\ ~vm[s].switchedLate

IncomingRecoveryAsked(s) == vm[s].load \in {"recovering", "recovered"} => vm[s].recoverAsked

IncomingDyingFailed(s) == vm[s].life = "dying" => vm[s].incoming = "failed"

IncomingFailoverPutOff(s) == vm[s].coloFailover = "relaunch" => vm[s].incoming = "colo"

IncomingSecondaryWas(s) == vm[s].coloLast = "secondary" => vm[s].incoming \in {"colo", "completed"}

(* Every environment has a build with everything. *)
CompleteBuild == TRUE

CapabilitiesBlockBuild(s) == Has(s, "block") \/ vm[s].blockOptions # "none" => CompleteBuild

CapabilitiesXColoBuild(s) == Has(s, "x-colo") => CompleteBuild

CapabilitiesPostcopyShared(s) == ~IgnoresShared(s)

-----------------------------------------------------------------------------
(* What must happen in the end *)

(* Nobody has to continue what is held, nor to resume what is paused. *)
AwaitsClient ==
  \/ Source.stage \in {"held", "postcopy-held"} /\ ~Source.continued
  \/ Source.stage = "paused" /\ Source.outgoing = "postcopy-paused"

MistakenForOld == Source.outgoing \in {"setup", "cancelling", "cancelled"} /\ Source.stage \in {"ending", "cleaning"}

PausedForGood == Source.outgoing = "cancelling" /\ Source.stage \in {"paused", "resuming"}

PausedOver == Source.outgoing = "postcopy-paused" /\ Source.stage = "paused"

HeldForGood == Source.outgoing = "failed" /\ Source.stage \in {"held", "postcopy-held"}

Ends == Source.outgoing \notin InProgress \/ Exits("source") \/ AwaitsClient

MigrationEndsStrict == Source.outgoing \in InProgress ~> Ends

MigrationEnds ==
  Source.outgoing \in InProgress ~> Ends \/ Source.outgoing = "postcopy-recover" \/ MistakenForOld \/ PausedForGood

CancellingEndsStrict == Source.outgoing = "cancelling" ~> Source.outgoing \in Over \/ Exits("source")

CancellingEnds ==
  Source.outgoing = "cancelling" ~> Source.outgoing \in Over \/ Exits("source") \/ PausedForGood \/ PausedOver

AwaitsStream == Destination.incoming = "active" /\ Source.outgoing \in Over

NoLongerActive == Destination.incoming # "active" \/ Exits("destination")

IncomingEndsStrict == AwaitsStream ~> NoLongerActive

IncomingEnds == AwaitsStream ~> NoLongerActive \/ HeldForGood

PostcopyArrives ==
  Destination.incoming = "postcopy-active" ~> Destination.incoming # "postcopy-active" \/ Exits("destination")

CleanedUpStates == Source.stage \in {"idle", "connecting", "colo-exited"} \/ Exits("source")

CleanedUpStrict == Source.outgoing \in Over ~> CleanedUpStates

CleanedUp == Source.outgoing \in Over ~> CleanedUpStates \/ HeldForGood \/ MistakenForOld

=============================================================================
