----------------------------- MODULE Migration -----------------------------
(***************************************************************************)
(* QEMU's live migration, as release 5.2.0 does it: two virtual machines,  *)
(* the link between them, and what surrounds them.                         *)
(*                                                                         *)
(* This is the second formulation of what the tables of migspec say.  It   *)
(* is written by hand, from the meaning of the rows and the contracts, and *)
(* nothing is generated from them; TLC and migspec's own explorer must     *)
(* find the same states.  A step of the tables has the action of its name: *)
(* the row outgoing.setup-to-active is OutgoingSetupToActive.              *)
(*                                                                         *)
(* What the module says of time: nothing.  A step says what can happen,    *)
(* not when.  What it says of numbers: nothing but whether a pass is the   *)
(* first.  It abstracts from pages, from addresses, and from what an error *)
(* says; it keeps the threads of a process, since they are the reason why  *)
(* messages overtake each other.                                           *)
(*                                                                         *)
(* What an observer sees of all this are the requests (Ask), the events    *)
(* and replies (Deliver) and the end of a process.  All other steps are    *)
(* hidden: to the observer they stutter.                                   *)
(***************************************************************************)
EXTENDS Naturals, Sequences

CONSTANTS
  Capabilities,  \* the sets of capabilities among which both sides' client has chosen
  Starts,        \* how each VM was started but for its capabilities: [Sides -> VMs]
  Requests,      \* [Sides -> the requests that its client may make]
  Troubles,      \* [Sides -> the events that its guest or host may show of themselves]
  Often,         \* how often each thing that is counted may happen: [its name -> 1..3]
  Without,       \* the rows and cases that cannot come to pass: what they need is not there
  Pipelined,     \* how many requests a client may have open
  Linked         \* FALSE takes every tie between the two VMs away: each is judged alone

VARIABLES
  vm,     \* [Sides -> VMs]: what each VM is
  owed,   \* [Sides -> [Threads -> Seq]]: what each thread has yet to tell, or to change
  asked,  \* [Sides -> Seq]: the requests that are not executed yet
  open,   \* [Sides -> BOOLEAN]: whether the process, and with it the monitor, is there
  link,   \* what has crossed between the two processes
  left    \* [name -> Nat]: how often each thing that is counted may still happen

vars == <<vm, owed, asked, open, link, left>>

-----------------------------------------------------------------------------
(* Values *)

Sides == {"source", "destination"}

Peer(s) == IF s = "source" THEN "destination" ELSE "source"

Threads == {"main", "migration", "listen", "channel"}

Statuses ==
  {"none", "setup", "cancelling", "cancelled", "active", "postcopy-active", "postcopy-paused", "postcopy-recover",
   "completed", "failed", "colo", "pre-switchover", "device", "wait-unplug"}

InProgress ==
  {"setup", "wait-unplug", "active", "pre-switchover", "device", "postcopy-active", "postcopy-paused",
   "postcopy-recover", "cancelling"}

RunStates ==
  {"debug", "inmigrate", "internal-error", "io-error", "paused", "postmigrate", "prelaunch", "finish-migrate",
   "restore-vm", "running", "save-vm", "shutdown", "suspended", "watchdog", "guest-panicked", "colo", "preconfig"}

StoppedRunStates == RunStates \ {"running"}

(* The run states that a guest may be given when it is loaded but does not start. *)
LoadedStopped == StoppedRunStates \ {"inmigrate", "preconfig"}

Lives == {"alive", "quitting", "down", "gone", "dying", "aborted", "crashed"}

(* In the other lives no thread takes a step of its own any more. *)
Living == {"alive", "quitting", "down", "gone"}

(* The main loop executes requests and cleans up. *)
Looping == {"alive", "quitting"}

(* The lives in which a process may end at any moment; what it still owes is lost. *)
Ending == {"quitting", "down", "gone", "dying", "aborted", "crashed"}

(***************************************************************************)
(* A VM.  It has two independent status variables, for every VM may be a   *)
(* source and a destination.                                               *)
(*   outgoing, incoming   the statuses as clients see them                 *)
(*   stage, load          how far the work behind each status has got      *)
(*   run, life            the guest's run state; whether the process goes on*)
(*   wasRunning           this migration stopped a running guest           *)
(*   switchAsked          migrate-start-postcopy was accepted              *)
(*   continued            the wait in pre-switchover has been ended        *)
(*   resuming, poisoned   a resume is connecting; one failed to connect    *)
(*   errorKnown           the failed attempt has an error-desc             *)
(*   stream               what the source of the incoming stream had on    *)
(*   failover             the guest was asked to unplug a primary          *)
(*   defer, accepted      -incoming defer; a migrate-incoming has succeeded*)
(*   autostart            the guest starts when it is loaded               *)
(*   recoverAsked         migrate-recover was given since the last pause   *)
(*   coloFailover         how far an ordered failover has come             *)
(*   coloLast, coloThread which half of COLO it was; its thread still runs *)
(*   piped                the outgoing stream goes to a command            *)
(*   threadsChanged, switchedLate   settings were changed in mid-migration *)
(*   hasAddress           the process listens, or has listened, on a socket*)
(*   disksGone, stopDue   the disks are given up; an event told of a stop  *)
(*   blockOptions, blockIncremental   what migrate switched on by itself   *)
(*   caps                 the capabilities that are on                     *)
(* The tables know a few variables more.  They are constant here; the test *)
(* that compares the two formulations looks whether they are.              *)
(***************************************************************************)
Fresh ==
  [outgoing |-> "none", incoming |-> "none", stage |-> "idle", load |-> "none", run |-> "running", life |-> "alive",
   wasRunning |-> FALSE, switchAsked |-> FALSE, continued |-> FALSE, resuming |-> FALSE, poisoned |-> FALSE,
   errorKnown |-> FALSE, stream |-> "plain", failover |-> FALSE, defer |-> FALSE, accepted |-> FALSE,
   autostart |-> TRUE, recoverAsked |-> FALSE, coloFailover |-> "none", coloLast |-> "none", coloThread |-> FALSE,
   piped |-> FALSE, threadsChanged |-> FALSE, switchedLate |-> FALSE, hasAddress |-> FALSE, disksGone |-> FALSE,
   stopDue |-> FALSE, blockOptions |-> "none", blockIncremental |-> FALSE, caps |-> {"events"}]

Listening == [Fresh EXCEPT !.run = "inmigrate", !.load = "listening", !.hasAddress = TRUE]

Deferred == [Fresh EXCEPT !.run = "inmigrate", !.load = "deferred", !.defer = TRUE]

(***************************************************************************)
(* The link is what has crossed between the two processes, as far as a     *)
(* step of either depends on it.  It has no queue: what was sent stays     *)
(* sent, and a reader may be as late as it likes.                          *)
(*   wire     the connection: none, up, left by one side, or lost          *)
(*   sent     how far the stream has come on it                            *)
(*   said     what the destination has said over the return path           *)
(*   talk     the last word in COLO                                        *)
(*   carries  what the source had switched on when it connected            *)
(*   ran      the run state that the guest had before the switch-over      *)
(*   sound    whether the destination can load the stream                  *)
(***************************************************************************)
Unused ==
  [wire |-> "none", sent |-> "nothing", said |-> "nothing", talk |-> "none", carries |-> "plain", ran |-> "running",
   sound |-> TRUE]

WireUp == link.wire = "up"

LostToSource ==
  \/ link.wire = "lost"
  \/ link.wire = "left-by-destination" /\ link.said \in {"nothing", "resumed"}

LostToDestination ==
  \/ link.wire = "lost"
  \/ link.wire = "left-by-source" /\ link.sent \in {"nothing", "begun", "listen", "resume"}

(***************************************************************************)
(* What a thread owes.  A step changes the state first; its messages come  *)
(* a moment later, and a thread that owes one takes no other step.  An     *)
(* owed item is an event, a change that waits for its turn among them, or  *)
(* the reply of the case that executed a request.                          *)
(***************************************************************************)
OfEvents ==  \* what is sent only while the capability events is on
  {"MIGRATION:" \o status : status \in Statuses} \cup {"MIGRATION_PASS:1", "MIGRATION_PASS:n"}

Events ==
  OfEvents \cup
  {"STOP", "RESUME", "SUSPEND", "WAKEUP", "RESET", "UNPLUG_PRIMARY", "BLOCK_IO_ERROR", "GUEST_PANICKED", "WATCHDOG",
   "SHUTDOWN:guest", "SHUTDOWN:host", "SHUTDOWN:quit", "COLO_EXIT:primary-error", "COLO_EXIT:primary-request",
   "COLO_EXIT:secondary-error", "COLO_EXIT:secondary-request"}

Changes ==
  {"=stage:setting-up", "=stage:resuming", "=stage:cleaning", "=life:dying", "=load:postcopy", "=load:recovered",
   "=failover:yes", "=colo-last:primary", "=colo-last:secondary", "=colo-failover:none", "=colo-failover:require"}

Changed(v, item) ==
  CASE item = "=stage:setting-up" -> [v EXCEPT !.stage = "setting-up"]
    [] item = "=stage:resuming" -> [v EXCEPT !.stage = "resuming"]
    [] item = "=stage:cleaning" -> [v EXCEPT !.stage = "cleaning"]
    [] item = "=life:dying" -> [v EXCEPT !.life = "dying"]
    [] item = "=load:postcopy" -> [v EXCEPT !.load = "postcopy"]
    [] item = "=load:recovered" -> [v EXCEPT !.load = "recovered"]
    [] item = "=failover:yes" -> [v EXCEPT !.failover = TRUE]
    [] item = "=colo-last:primary" -> [v EXCEPT !.coloLast = "primary"]
    [] item = "=colo-last:secondary" -> [v EXCEPT !.coloLast = "secondary"]
    [] item = "=colo-failover:none" -> [v EXCEPT !.coloFailover = "none"]
    [] item = "=colo-failover:require" -> [v EXCEPT !.coloFailover = "require"]

IsReply(item) == item \notin Events /\ item \notin Changes

Idle == [thread \in Threads |-> <<>>]

-----------------------------------------------------------------------------
(* Forms of steps *)

(* Of a sequence of messages those that the VM sends. *)
Told(s, messages) ==
  IF "events" \in vm[s].caps THEN messages ELSE SelectSeq(messages, LAMBDA message : message \notin OfEvents)

(* A thread of s takes a step by itself, after which the VM is v, and what *)
(* the migration thread owes is behind.                                    *)
TakeLeaving(s, thread, v, behind, messages) ==
  /\ vm[s].life \in Living
  /\ owed[s][thread] = <<>>
  /\ open[s]
  /\ vm' = [vm EXCEPT ![s] = v]
  /\ owed' = [owed EXCEPT ![s]["migration"] = behind, ![s][thread] = Told(s, messages)]
  /\ UNCHANGED <<asked, open, left>>

Take(s, thread, v, messages) == TakeLeaving(s, thread, v, owed[s]["migration"], messages)

(* The step has nothing to do with the link. *)
Untied == UNCHANGED link

(* The step needs P of the link and of the peer, and makes l of the link. *)
Tied(s, side, P, l) == IF Linked /\ s = side THEN P /\ link' = l ELSE Untied

(* The same of a step that leaves the link as it is. *)
Needs(s, side, P) == Tied(s, side, P, link)

(* The step takes the connection away, if it is still there. *)
Closes(s, side, wire) ==
  link' = IF Linked /\ s = side /\ WireUp THEN [link EXCEPT !.wire = wire] ELSE link

(***************************************************************************)
(* The main loop executes the oldest request of s, after which the VM is   *)
(* v, and what the migration thread owes is behind.  A request that waits  *)
(* when the process exits is executed all the same, but the process may    *)
(* abort for it: process.quit-with-request-aborts.                         *)
(***************************************************************************)
ExecuteLeaving(s, requests, v, behind, messages, case) ==
  /\ asked[s] # <<>>
  /\ Head(asked[s]) \in requests
  /\ vm[s].life \in Living
  /\ owed[s]["main"] = <<>>
  /\ \E life \in {v.life} \cup IF v.life \in {"down", "gone"} THEN {"aborted"} ELSE {} :
       vm' = [vm EXCEPT ![s] = [v EXCEPT !.life = life]]
  /\ owed' = [owed EXCEPT ![s]["migration"] = behind,
                          ![s]["main"] = messages \o <<"reply:" \o Head(asked[s]) \o ":" \o case>>]
  /\ asked' = [asked EXCEPT ![s] = Tail(@)]
  /\ UNCHANGED <<open, left>>

Execute(s, requests, v, messages, case) == ExecuteLeaving(s, requests, v, owed[s]["migration"], messages, case)

(* The request is refused, or has no effect. *)
Answer(s, requests, case) == Execute(s, requests, vm[s], <<>>, case) /\ Untied

Possible(rule) == rule \notin Without

-----------------------------------------------------------------------------
(* Conditions *)

Has(s, capability) == capability \in vm[s].caps
PostcopyAllowed(s) == Has(s, "postcopy-ram") \/ Has(s, "dirty-bitmaps")
ReturnPath(s) == Has(s, "return-path") \/ Has(s, "postcopy-ram")
Runs(s) == vm[s].run = "running"
LostRace(s) == vm[s].outgoing \in {"cancelling", "failed"}

(* The peer's process is there, and listens. *)
PeerListens(s) == open[Peer(s)] /\ vm[Peer(s)].load = "listening"
PeerAwaitsRecovery(s) == open[Peer(s)] /\ vm[Peer(s)].load = "recovering"

-----------------------------------------------------------------------------
(* The outgoing side: from an accepted migrate to the start of the thread *)

OutgoingUnplugRequested(s) ==
  /\ vm[s].stage = "connecting" /\ vm[s].outgoing \in {"setup", "cancelling"}
  /\ Possible("outgoing.unplug-requested")
  /\ Take(s, "main", [vm[s] EXCEPT !.failover = TRUE], <<"UNPLUG_PRIMARY">>)
  /\ Untied

Carried(s) ==
  IF Has(s, "x-colo") THEN "colo" ELSE IF Has(s, "dirty-bitmaps") THEN "bitmaps" ELSE "plain"

OutgoingConnected(s) ==
  /\ vm[s].stage = "connecting" /\ vm[s].outgoing \in {"setup", "cancelling", "failed"}
  /\ Tied(s, "source", link.sent = "nothing" /\ PeerListens(s),
          [link EXCEPT !.wire = "up", !.sent = "begun", !.carries = Carried(s)])
  /\ Take(s, "main", [vm[s] EXCEPT !.stage = "setting-up"], <<>>)

OutgoingSetupToFailedConnection(s) ==
  /\ vm[s].stage = "connecting" /\ vm[s].outgoing = "setup"
  /\ \E known \in BOOLEAN :
       Take(s, "main", [vm[s] EXCEPT !.stage = "idle", !.outgoing = "failed", !.errorKnown = known],
            <<"MIGRATION:failed">>)
  /\ Untied

OutgoingCancellingToCancelledConnection(s) ==
  /\ vm[s].stage = "connecting" /\ vm[s].outgoing = "cancelling" /\ vm[s].life \in Looping
  /\ Take(s, "main", [vm[s] EXCEPT !.stage = "idle", !.outgoing = "cancelled"], <<"MIGRATION:cancelled">>)
  /\ Untied

-----------------------------------------------------------------------------
(* The migration thread until pages flow *)

OutgoingFirstPass(s) ==
  /\ vm[s].stage = "setting-up"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "set-up"], <<"MIGRATION_PASS:1">>)
  /\ Untied

OutgoingSetupToActive(s) ==
  /\ vm[s].stage = "set-up" /\ vm[s].outgoing = "setup"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "iterating", !.outgoing = "active"], <<"MIGRATION:active">>)
  /\ Untied

OutgoingSetupToWaitUnplug(s) ==
  /\ vm[s].stage = "set-up" /\ vm[s].outgoing = "setup" /\ vm[s].failover
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "unplugging", !.outgoing = "wait-unplug"],
          <<"MIGRATION:wait-unplug">>)
  /\ Untied

OutgoingWaitUnplugToActive(s) ==
  /\ vm[s].stage = "unplugging" /\ vm[s].outgoing = "wait-unplug"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "iterating", !.outgoing = "active"], <<"MIGRATION:active">>)
  /\ Untied

OutgoingSetUpOvertaken(s) ==
  /\ vm[s].stage \in {"set-up", "unplugging"} /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "ending"], <<>>)
  /\ Untied

-----------------------------------------------------------------------------
(* Precopy, while the guest runs *)

OutgoingPass(s) ==
  /\ vm[s].stage = "iterating" /\ vm[s].outgoing = "active"
  /\ Take(s, "migration", vm[s], <<"MIGRATION_PASS:n">>)
  /\ Untied

OutgoingPassWhileCancelling(s) ==
  /\ vm[s].stage = "iterating" /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "last-turn"], <<"MIGRATION_PASS:n">>)
  /\ Untied

OutgoingIterationOvertaken(s) ==
  /\ vm[s].stage \in {"iterating", "last-turn"} /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "ending"], <<>>)
  /\ Untied

(* The thread comes to an end for which it calls the migration failed. *)
Fails(s) ==
  \E known \in BOOLEAN :
    Take(s, "migration", [vm[s] EXCEPT !.stage = "ending", !.outgoing = "failed", !.errorKnown = known],
         <<"MIGRATION:failed">>)

OutgoingCancellingToFailed(s) ==
  /\ vm[s].stage \in {"iterating", "last-turn"} /\ vm[s].outgoing = "cancelling"
  /\ Fails(s)
  /\ Untied

OutgoingActiveToFailed(s) ==
  /\ vm[s].stage = "iterating" /\ vm[s].outgoing = "active"
  /\ Needs(s, "source", LostToSource)
  /\ Fails(s)

OutgoingCommit(s) ==
  /\ vm[s].stage = "iterating" /\ vm[s].outgoing = "active"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "committed"], <<>>)
  /\ Untied

-----------------------------------------------------------------------------
(* The switch-over: the guest is stopped, up to the last pass *)

(* What the guest was doing is sent along, unless the stream goes elsewhere. *)
TellsRunState(s) ==
  link' = IF Linked /\ s = "source" /\ ~vm[s].piped THEN [link EXCEPT !.ran = vm[s].run] ELSE link

OutgoingStopGuest(s) ==
  /\ vm[s].stage = "committed" /\ Runs(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "stopped", !.run = "finish-migrate", !.wasRunning = TRUE],
          <<"STOP">>)
  /\ TellsRunState(s)

OutgoingGuestWasStopped(s) ==
  /\ vm[s].stage = "committed" /\ ~Runs(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "stopped", !.run = "finish-migrate", !.wasRunning = FALSE], <<>>)
  /\ TellsRunState(s)

OutgoingActiveToFailedFlush(s) ==
  /\ vm[s].stage = "stopped" /\ vm[s].outgoing = "active"
  /\ Possible("outgoing.active-to-failed.flush")
  /\ Fails(s)
  /\ Untied

OutgoingActiveToPreSwitchover(s) ==
  /\ vm[s].stage = "stopped" /\ vm[s].outgoing = "active" /\ Has(s, "pause-before-switchover")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "held", !.outgoing = "pre-switchover", !.continued = FALSE],
          <<"MIGRATION:pre-switchover">>)
  /\ Untied

OutgoingPauseOvertaken(s) ==
  /\ vm[s].stage = "stopped" /\ Has(s, "pause-before-switchover") /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "ending"], <<>>)
  /\ Untied

OutgoingPreSwitchoverToDevice(s) ==
  /\ vm[s].stage = "held" /\ vm[s].outgoing = "pre-switchover" /\ vm[s].continued
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "saving", !.outgoing = "device", !.continued = FALSE],
          <<"MIGRATION:device">>)
  /\ Untied

OutgoingWaitOvertaken(s) ==
  /\ vm[s].stage = "held" /\ vm[s].continued /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "ending", !.continued = FALSE], <<>>)
  /\ Untied

OutgoingSave(s) ==
  /\ vm[s].stage = "stopped" /\ ~Has(s, "pause-before-switchover")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "saving"], <<>>)
  /\ Untied

OutgoingLastPass(s) ==
  /\ vm[s].stage = "saving"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "saved"], <<"MIGRATION_PASS:n">>)
  /\ Untied

OutgoingMigratedAgainCrashes(s) ==
  /\ vm[s].stage \in {"saving", "saved"} /\ vm[s].disksGone
  /\ Possible("outgoing.migrated-again-crashes")
  /\ Take(s, "migration", [vm[s] EXCEPT !.life = "aborted"], <<>>)
  /\ Untied

OutgoingActiveToFailedBlock(s) ==
  /\ vm[s].stage = "saving" /\ vm[s].outgoing = "active" /\ Has(s, "block")
  /\ Possible("outgoing.active-to-failed.block")
  /\ Fails(s)
  /\ Untied

OutgoingDeviceToFailedBlock(s) ==
  /\ vm[s].stage = "saving" /\ vm[s].outgoing = "device" /\ Has(s, "block")
  /\ Possible("outgoing.device-to-failed.block")
  /\ Fails(s)
  /\ Untied

-----------------------------------------------------------------------------
(* After the last pass *)

(* The whole stream of a precopy is written: no message shows it. *)
StreamComplete(s) ==
  /\ s = "source" /\ vm[s].stage = "saved"
  /\ Tied(s, "source", WireUp /\ link.sent = "begun", [link EXCEPT !.sent = "complete"])
  /\ Take(s, "migration", vm[s], <<>>)

(* The source may take the migration for completed. *)
AllArrived(s) ==
  IF ReturnPath(s)
    THEN link.sent = "complete" /\ link.said = "ok"
    ELSE link.sent = "complete" \/ vm[s].piped

Completes(s) ==
  Take(s, "migration", [vm[s] EXCEPT !.stage = "ending", !.outgoing = "completed"], <<"MIGRATION:completed">>)

OutgoingActiveToCompleted(s) ==
  /\ vm[s].stage = "saved" /\ vm[s].outgoing = "active" /\ ~Has(s, "x-colo")
  /\ Needs(s, "source", AllArrived(s))
  /\ Completes(s)

OutgoingDeviceToCompleted(s) ==
  /\ vm[s].stage = "saved" /\ vm[s].outgoing = "device" /\ ~Has(s, "x-colo")
  /\ Needs(s, "source", AllArrived(s))
  /\ Completes(s)

(* COLO's first word is no end of the return path: it is taken for an error. *)
Misunderstood(s) == link.talk # "none" /\ ReturnPath(s)

OutgoingActiveToFailedClosing(s) ==
  /\ vm[s].stage = "saved" /\ vm[s].outgoing = "active"
  /\ Needs(s, "source", LostToSource \/ Misunderstood(s))
  /\ Fails(s)

OutgoingDeviceToFailed(s) ==
  /\ vm[s].stage = "saved" /\ vm[s].outgoing = "device"
  /\ Needs(s, "source", LostToSource \/ Misunderstood(s))
  /\ Fails(s)

OutgoingCloseOvertaken(s) ==
  /\ vm[s].stage = "saved" /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "ending"], <<>>)
  /\ Untied

OutgoingColoCommit(s) ==
  /\ vm[s].stage = "saved" /\ vm[s].outgoing = "active" /\ Has(s, "x-colo")
  /\ Needs(s, "source", ~ReturnPath(s) /\ (link.sent = "complete" \/ vm[s].piped))
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "ending"], <<>>)

OutgoingColoAfterPause(s) ==
  /\ vm[s].stage = "saved" /\ vm[s].outgoing = "device" /\ Has(s, "x-colo")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "stuck"], <<>>)
  /\ Untied

-----------------------------------------------------------------------------
(* The end of an attempt *)

CameToNothing(s) == vm[s].stage = "ending" /\ vm[s].outgoing \in {"failed", "cancelled", "cancelling"}

GuestPostmigrateCompleted(s) ==
  /\ vm[s].stage = "ending" /\ vm[s].outgoing = "completed"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "cleaning", !.run = "postmigrate", !.disksGone = TRUE], <<>>)
  /\ Untied

GuestRestarted(s) ==
  /\ CameToNothing(s) /\ vm[s].wasRunning /\ ~Runs(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.run = "running"], <<"RESUME", "=stage:cleaning">>)
  /\ Untied

GuestRunsAlready(s) ==
  /\ CameToNothing(s) /\ vm[s].wasRunning /\ Runs(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "cleaning"], <<>>)
  /\ Untied

GuestPostmigrateFailed(s) ==
  /\ CameToNothing(s) /\ ~vm[s].wasRunning /\ vm[s].run = "finish-migrate"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "cleaning", !.run = "postmigrate"], <<>>)
  /\ Untied

GuestUntouched(s) ==
  /\ CameToNothing(s) /\ ~vm[s].wasRunning /\ vm[s].run # "finish-migrate"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "cleaning"], <<>>)
  /\ Untied

Cancelled(s) ==
  Take(s, "main", [vm[s] EXCEPT !.stage = "idle", !.outgoing = "cancelled"], <<"MIGRATION:cancelled">>)

OutgoingCancellingToCancelled(s) ==
  /\ vm[s].stage = "cleaning" /\ vm[s].outgoing = "cancelling" /\ vm[s].life \in Looping
  /\ Closes(s, "source", "left-by-source")
  /\ Cancelled(s)

OutgoingCancellingToCancelledExiting(s) ==
  /\ vm[s].stage = "cleaning" /\ vm[s].outgoing = "cancelling" /\ vm[s].life = "gone"
  /\ Closes(s, "source", "left-by-source")
  /\ Cancelled(s)

OutgoingCleanedUp(s) ==
  /\ vm[s].stage = "cleaning" /\ vm[s].outgoing \in {"completed", "failed"} /\ vm[s].life \in Looping
  /\ Closes(s, "source", "left-by-source")
  /\ Take(s, "main", [vm[s] EXCEPT !.stage = "idle"], <<>>)

ReturnsBlockOptions(s) ==
  /\ vm[s].outgoing \in {"completed", "failed", "cancelled"}
  /\ Take(s, "main", [vm[s] EXCEPT !.blockOptions = "none", !.blockIncremental = FALSE, !.caps = @ \ {"block"}], <<>>)
  /\ Untied

OutgoingBlockOptionsReturnedLent(s) ==
  /\ vm[s].blockOptions = "lent" /\ vm[s].stage \in {"cleaning", "idle"}
  /\ ReturnsBlockOptions(s)

OutgoingBlockOptionsReturnedLeaked(s) ==
  /\ vm[s].blockOptions = "leaked" /\ vm[s].stage = "cleaning"
  /\ ReturnsBlockOptions(s)

(***************************************************************************)
(* A cancellation changes the status under the migration thread, which     *)
(* runs on to the point where it notices.  It ends a wait in               *)
(* pre-switchover before it changes the status: the thread may get ahead,  *)
(* and show the status that it has left when the cancellation is over.     *)
(***************************************************************************)
CancelledUnderThread(s) == [vm[s] EXCEPT !.outgoing = "cancelling", !.continued = TRUE]
CancelledAhead(s) == [vm[s] EXCEPT !.outgoing = "cancelling", !.stage = "ending"]
GetsAhead(s, stage) == vm[s].outgoing = "pre-switchover" /\ vm[s].stage = stage /\ owed[s]["migration"] = <<>>

OutgoingCancelledByExitAccepted(s) ==
  /\ vm[s].life = "down" /\ vm[s].outgoing \in InProgress
  /\ Closes(s, "source", "left-by-source")
  /\ Take(s, "main", [CancelledUnderThread(s) EXCEPT !.life = "gone"], <<"MIGRATION:cancelling">>)

OutgoingCancelledByExitDeviceFirst(s) ==
  /\ vm[s].life = "down" /\ GetsAhead(s, "held")
  /\ Closes(s, "source", "left-by-source")
  /\ TakeLeaving(s, "main", [CancelledAhead(s) EXCEPT !.life = "gone"],
                 Told(s, <<"MIGRATION:device">>), <<"MIGRATION:cancelling">>)

OutgoingCancelledByExitPostcopyFirst(s) ==
  /\ vm[s].life = "down" /\ GetsAhead(s, "postcopy-held")
  /\ Closes(s, "source", "left-by-source")
  /\ TakeLeaving(s, "main", [CancelledAhead(s) EXCEPT !.life = "gone"],
                 Told(s, <<"MIGRATION:postcopy-active">>), <<"MIGRATION:cancelling">>)

-----------------------------------------------------------------------------
(* Multifd: what a channel, whose connection is its own, reports beside the migration thread *)

(* TLC names a step by the definition that has a conjunct: so a step that  *)
(* is another's is written as one.                                         *)
ChannelFails(s, status) ==
  /\ vm[s].outgoing = status /\ Has(s, "multifd")
  /\ Untied
  /\ \E known \in BOOLEAN :
       Take(s, "channel", [vm[s] EXCEPT !.outgoing = "failed", !.errorKnown = known], <<"MIGRATION:failed">>)

OutgoingSetupToFailedChannel(s) == /\ ChannelFails(s, "setup")
OutgoingActiveToFailedChannel(s) == /\ ChannelFails(s, "active")
OutgoingPreSwitchoverToFailedChannel(s) == /\ ChannelFails(s, "pre-switchover")
OutgoingDeviceToFailedChannel(s) == /\ ChannelFails(s, "device")

OutgoingFailedToFailedChannel(s) ==
  /\ vm[s].outgoing = "failed" /\ Has(s, "multifd")
  /\ Possible("outgoing.failed-to-failed.channel")
  /\ Untied
  /\ Take(s, "channel", vm[s], <<"MIGRATION:failed">>)

-----------------------------------------------------------------------------
(* Postcopy on the source: the switch *)

OutgoingSwitch(s) ==
  /\ vm[s].stage = "iterating" /\ vm[s].outgoing \in {"active", "cancelling", "failed"}
  /\ vm[s].switchAsked /\ PostcopyAllowed(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "switching"], <<>>)
  /\ Untied

OutgoingActiveToPostcopyActive(s) ==
  /\ vm[s].stage = "switching" /\ vm[s].outgoing = "active" /\ ~Has(s, "pause-before-switchover")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "postcopy-stopping", !.outgoing = "postcopy-active"],
          <<"MIGRATION:postcopy-active">>)
  /\ Untied

OutgoingSwitchBeforePause(s) ==
  /\ vm[s].stage = "switching" /\ Has(s, "pause-before-switchover")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "postcopy-stopping"], <<>>)
  /\ Untied

OutgoingSwitchOvertaken(s) ==
  /\ vm[s].stage = "switching" /\ ~Has(s, "pause-before-switchover") /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "postcopy-stopping"], <<>>)
  /\ Untied

StoppedForPostcopy(s) == [vm[s] EXCEPT !.stage = "postcopy-stopped", !.run = "finish-migrate", !.wasRunning = FALSE]

OutgoingPostcopyStopGuest(s) ==
  /\ vm[s].stage = "postcopy-stopping" /\ Runs(s)
  /\ Take(s, "migration", StoppedForPostcopy(s), <<"STOP">>)
  /\ TellsRunState(s)

OutgoingPostcopyGuestWasStopped(s) ==
  /\ vm[s].stage = "postcopy-stopping" /\ ~Runs(s)
  /\ Take(s, "migration", StoppedForPostcopy(s), <<>>)
  /\ TellsRunState(s)

OutgoingActiveToPreSwitchoverPostcopy(s) ==
  /\ vm[s].stage = "postcopy-stopped" /\ vm[s].outgoing = "active" /\ Has(s, "pause-before-switchover")
  /\ Take(s, "migration",
          [vm[s] EXCEPT !.stage = "postcopy-held", !.outgoing = "pre-switchover", !.continued = FALSE],
          <<"MIGRATION:pre-switchover">>)
  /\ Untied

OutgoingPostcopyPauseOvertaken(s) ==
  /\ vm[s].stage = "postcopy-stopped" /\ Has(s, "pause-before-switchover") /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "ending"], <<>>)
  /\ Untied

OutgoingPreSwitchoverToPostcopyActive(s) ==
  /\ vm[s].outgoing = "pre-switchover" /\ vm[s].stage = "postcopy-held" /\ vm[s].continued
  /\ Take(s, "migration",
          [vm[s] EXCEPT !.stage = "postcopy-saving", !.outgoing = "postcopy-active", !.continued = FALSE],
          <<"MIGRATION:postcopy-active">>)
  /\ Untied

OutgoingPostcopyWaitOvertaken(s) ==
  /\ vm[s].stage = "postcopy-held" /\ vm[s].continued /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "ending", !.continued = FALSE], <<>>)
  /\ Untied

OutgoingPostcopySave(s) ==
  /\ vm[s].stage = "postcopy-stopped" /\ ~Has(s, "pause-before-switchover")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "postcopy-saving"], <<>>)
  /\ Untied

(* The devices follow, with the order to run; into a lost connection nothing is written. *)
SendsDevices(s) ==
  Tied(s, "source", WireUp => link.sent = "begun", IF WireUp THEN [link EXCEPT !.sent = "listen"] ELSE link)

OutgoingPostcopyLastPass(s) ==
  /\ vm[s].stage = "postcopy-saving" /\ Has(s, "postcopy-ram")
  /\ SendsDevices(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "iterating", !.switchAsked = FALSE], <<"MIGRATION_PASS:n">>)

OutgoingPostcopyPassWhileCancelling(s) ==
  /\ vm[s].stage = "postcopy-saving" /\ vm[s].switchAsked /\ LostRace(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.switchAsked = FALSE], <<"MIGRATION_PASS:n">>)
  /\ Untied

OutgoingPostcopyBitmaps(s) ==
  /\ vm[s].stage = "postcopy-saving" /\ ~Has(s, "postcopy-ram")
  /\ SendsDevices(s)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "iterating", !.switchAsked = FALSE], <<>>)

OutgoingPostcopyActiveToFailedSwitching(s) ==
  /\ vm[s].stage = "postcopy-saving" /\ vm[s].outgoing = "postcopy-active"
  /\ Needs(s, "source", LostToSource)
  /\ Fails(s)

-----------------------------------------------------------------------------
(* Postcopy on the source: pages on demand, pause and recovery *)

(* Every page that was missing is written: no message shows it. *)
StreamPages(s) ==
  /\ s = "source" /\ vm[s].stage = "iterating" /\ vm[s].outgoing = "postcopy-active"
  /\ Tied(s, "source", WireUp /\ link.sent = "listen", [link EXCEPT !.sent = "pages"])
  /\ Take(s, "migration", vm[s], <<>>)

OutgoingPostcopyActiveToCompleted(s) ==
  /\ vm[s].stage = "iterating" /\ vm[s].outgoing = "postcopy-active"
  /\ Needs(s, "source", link.sent = "pages" /\ (ReturnPath(s) => link.said = "ok"))
  /\ Completes(s)

OutgoingPostcopyActiveToFailed(s) ==
  /\ vm[s].stage = "iterating" /\ vm[s].outgoing = "postcopy-active"
  /\ Possible("outgoing.postcopy-active-to-failed")
  /\ Fails(s)
  /\ Untied

OutgoingPostcopyActiveToPostcopyPaused(s) ==
  /\ vm[s].stage = "iterating" /\ vm[s].outgoing = "postcopy-active"
  /\ Needs(s, "source", LostToSource)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "paused", !.outgoing = "postcopy-paused"],
          <<"MIGRATION:postcopy-paused">>)

OutgoingCancellingToPostcopyPaused(s) ==
  /\ vm[s].stage = "iterating" /\ vm[s].outgoing = "cancelling"
  /\ ~vm[s].wasRunning /\ vm[s].run = "finish-migrate" /\ PostcopyAllowed(s)
  /\ Needs(s, "source", ~WireUp)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "paused", !.outgoing = "postcopy-paused"],
          <<"MIGRATION:postcopy-paused">>)

OutgoingPauseCancelled(s) ==
  /\ vm[s].stage = "paused" /\ vm[s].outgoing = "cancelling"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "ending"], <<>>)
  /\ Untied

OutgoingCancelCrashes(s) ==
  /\ vm[s].stage = "paused" /\ vm[s].outgoing \in {"postcopy-paused", "cancelling"}
  /\ \E life \in {"aborted", "crashed"} : Take(s, "main", [vm[s] EXCEPT !.life = life], <<>>)
  /\ Untied

Resumes(s) == vm[s].resuming /\ ~vm[s].poisoned

OutgoingPostcopyPausedToPostcopyRecover(s) ==
  /\ vm[s].stage = "paused" /\ vm[s].outgoing = "postcopy-paused" /\ Resumes(s)
  /\ Tied(s, "source", link.sent # "resume" /\ PeerAwaitsRecovery(s),
          [link EXCEPT !.wire = "up", !.sent = "resume", !.said = "nothing"])
  /\ Take(s, "main", [vm[s] EXCEPT !.outgoing = "postcopy-recover", !.resuming = FALSE],
          <<"MIGRATION:postcopy-recover", "=stage:resuming">>)

OutgoingResumeNotConnected(s) ==
  /\ vm[s].outgoing = "postcopy-paused" /\ Resumes(s)
  /\ Needs(s, "source", ~PeerAwaitsRecovery(s))
  /\ Take(s, "main", [vm[s] EXCEPT !.resuming = FALSE, !.poisoned = TRUE], <<>>)

OutgoingResumeAborts(s) ==
  /\ vm[s].resuming /\ (vm[s].poisoned \/ vm[s].outgoing = "cancelling")
  /\ Take(s, "main", [vm[s] EXCEPT !.life = "aborted"], <<>>)
  /\ Untied

OutgoingResumeCancelled(s) ==
  /\ vm[s].outgoing = "cancelling" /\ vm[s].resuming /\ vm[s].life \in Looping
  /\ Tied(s, "source", link.sent # "resume" /\ PeerAwaitsRecovery(s),
          [link EXCEPT !.wire = "left-by-source", !.sent = "resume", !.said = "nothing"])
  /\ Take(s, "main", [vm[s] EXCEPT !.resuming = FALSE], <<>>)

OutgoingPostcopyRecoverToPostcopyActive(s) ==
  /\ vm[s].stage = "resuming" /\ vm[s].outgoing = "postcopy-recover"
  /\ Tied(s, "source", link.said = "resumed", [link EXCEPT !.said = "nothing"])
  /\ Take(s, "channel", [vm[s] EXCEPT !.stage = "iterating", !.outgoing = "postcopy-active"],
          <<"MIGRATION:postcopy-active">>)

OutgoingPostcopyRecoverToPostcopyPaused(s) ==
  /\ vm[s].stage = "resuming" /\ vm[s].outgoing = "postcopy-recover"
  /\ Possible("outgoing.postcopy-recover-to-postcopy-paused")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "paused", !.outgoing = "postcopy-paused"],
          <<"MIGRATION:postcopy-paused">>)
  /\ Untied

-----------------------------------------------------------------------------
(* COLO: the primary *)

TakingOver(s) == vm[s].coloFailover = "require"

OutgoingActiveToColo(s) ==
  /\ vm[s].stage = "ending" /\ vm[s].outgoing = "active" /\ Has(s, "x-colo")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "colo-starting", !.outgoing = "colo", !.coloThread = TRUE],
          <<"MIGRATION:colo", "=colo-last:primary", "=colo-failover:none">>)
  /\ Untied

(* The primary asks for a checkpoint: no message shows it. *)
StreamCheckpoint(s) ==
  /\ s = "source" /\ vm[s].stage = "colo-running" /\ vm[s].outgoing = "colo"
  /\ Tied(s, "source", WireUp /\ link.talk \in {"ready", "loaded"}, [link EXCEPT !.talk = "request"])
  /\ Take(s, "migration", vm[s], <<>>)

GuestColoPrimaryRuns(s) ==
  /\ vm[s].stage \in {"colo-starting", "colo-saving"} /\ vm[s].outgoing = "colo"
  /\ Needs(s, "source", link.talk = IF vm[s].stage = "colo-starting" THEN "ready" ELSE "loaded")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "colo-running", !.run = "running"], <<"RESUME">>)

GuestColoPrimaryStops(s) ==
  /\ vm[s].stage = "colo-running" /\ vm[s].outgoing = "colo" /\ Runs(s)
  /\ Needs(s, "source", link.talk = "reply")
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "colo-stopped", !.run = "colo"], <<"STOP">>)

OutgoingColoPass(s) ==
  /\ vm[s].stage = "colo-stopped"
  /\ Tied(s, "source", TRUE, IF WireUp THEN [link EXCEPT !.talk = "sent"] ELSE link)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "colo-saving", !.caps = @ \ {"block"}], <<"MIGRATION_PASS:n">>)

GuestColoTakeoverStops(s) ==
  /\ TakingOver(s) /\ Runs(s)
  /\ Take(s, "main", [vm[s] EXCEPT !.run = "colo"], <<"STOP">>)
  /\ Untied

OutgoingColoToCompleted(s) ==
  /\ vm[s].outgoing = "colo" /\ TakingOver(s) /\ vm[s].run = "colo"
  /\ Closes(s, "source", "left-by-source")
  /\ Take(s, "main", [vm[s] EXCEPT !.outgoing = "completed", !.coloFailover = "completed", !.stage = "colo-leaving"],
          <<"MIGRATION:completed">>)

ColoPrimaryExit(s) ==
  /\ vm[s].stage \in {"colo-starting", "colo-running", "colo-stopped", "colo-saving"} /\ vm[s].outgoing = "colo"
  /\ Needs(s, "source", LostToSource)
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "colo-exited", !.coloThread = FALSE],
          <<"COLO_EXIT:primary-error">>)

ColoPrimaryExitAbandoned(s) ==
  /\ vm[s].coloThread /\ vm[s].outgoing \notin {"colo", "completed"}
  /\ Take(s, "channel", [vm[s] EXCEPT !.coloThread = FALSE], <<"COLO_EXIT:primary-error">>)
  /\ Untied

ColoPrimaryExitOrdered(s) ==
  /\ vm[s].stage = "colo-leaving"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "colo-left", !.coloThread = FALSE],
          <<"COLO_EXIT:primary-request">>)
  /\ Untied

ColoPrimaryExitTooEarly(s) ==
  /\ vm[s].stage = "colo-leaving"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "colo-left", !.coloThread = FALSE], <<"COLO_EXIT:primary-error">>)
  /\ Untied

ColoTakeoverWithoutColo(s) ==
  /\ TakingOver(s) /\ vm[s].outgoing # "colo" /\ vm[s].incoming # "colo" /\ ~Runs(s)
  /\ Take(s, "main", [vm[s] EXCEPT !.coloFailover = "active"], <<>>)
  /\ Untied

GuestColoPrimaryGoesOn(s) ==
  /\ vm[s].stage = "colo-left"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "cleaning", !.run = "running"], <<"RESUME">>)
  /\ Untied

GuestColoPrimaryGoesOnSilently(s) ==
  /\ vm[s].stage = "colo-leaving"
  /\ Take(s, "migration", [vm[s] EXCEPT !.stage = "cleaning", !.run = "running"], <<"RESUME">>)
  /\ Untied

-----------------------------------------------------------------------------
(* COLO: the secondary *)

IncomingActiveToColo(s) ==
  /\ vm[s].load = "loading" /\ vm[s].incoming = "active" /\ vm[s].stream = "colo"
  /\ Needs(s, "destination", link.sent = "complete" /\ link.sound)
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "colo-starting", !.incoming = "colo"],
          <<"MIGRATION:colo", "=colo-last:secondary", "=colo-failover:none">>)

GuestColoSecondaryRuns(s) ==
  /\ vm[s].load \in {"colo-starting", "colo-stopped"} /\ vm[s].incoming = "colo"
  /\ IF vm[s].load = "colo-starting"
       THEN Tied(s, "destination", TRUE, [link EXCEPT !.talk = "ready"])
       ELSE Tied(s, "destination", link.talk = "sent", [link EXCEPT !.talk = "loaded"])
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "colo-running", !.run = "running"], <<"RESUME">>)

GuestColoSecondaryStops(s) ==
  /\ vm[s].load = "colo-running" /\ vm[s].incoming = "colo" /\ Runs(s)
  /\ Tied(s, "destination", link.talk = "request", [link EXCEPT !.talk = "reply"])
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "colo-stopped", !.run = "colo"], <<"STOP">>)

IncomingColoToCompleted(s) ==
  /\ vm[s].incoming = "colo" /\ TakingOver(s) /\ vm[s].run = "colo"
  /\ Closes(s, "destination", "lost")
  /\ Take(s, "main", [vm[s] EXCEPT !.incoming = "completed", !.coloFailover = "completed", !.load = "colo-leaving"],
          <<"MIGRATION:completed">>)

ColoSecondaryPutsOff(s) ==
  /\ vm[s].load = "colo-stopped" /\ vm[s].incoming = "colo" /\ TakingOver(s) /\ vm[s].run = "colo"
  /\ Take(s, "main", [vm[s] EXCEPT !.coloFailover = "relaunch"], <<>>)
  /\ Untied

ColoSecondaryTakesUp(s) ==
  /\ vm[s].load = "colo-running" /\ vm[s].coloFailover = "relaunch"
  /\ Take(s, "listen", [vm[s] EXCEPT !.coloFailover = "none"], <<"=colo-failover:require">>)
  /\ Untied

ColoSecondaryExit(s) ==
  /\ vm[s].load \in {"colo-starting", "colo-running", "colo-stopped"} /\ vm[s].incoming = "colo"
  /\ Needs(s, "destination", LostToDestination)
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "colo-exited"], <<"COLO_EXIT:secondary-error">>)

ColoSecondaryExitOrdered(s) ==
  /\ vm[s].load = "colo-leaving"
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "colo-left"], <<"COLO_EXIT:secondary-request">>)
  /\ Untied

ColoSecondaryExitTooEarly(s) ==
  /\ vm[s].load = "colo-leaving"
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "colo-left"], <<"COLO_EXIT:secondary-error">>)
  /\ Untied

GuestColoSecondaryGoesOn(s) ==
  /\ vm[s].load \in {"colo-left", "colo-leaving"}
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "done", !.run = "running"], <<"RESUME">>)
  /\ Untied

-----------------------------------------------------------------------------
(* The incoming side: precopy *)

Waits(s) == vm[s].run = "inmigrate"

IncomingNoneToActive(s) ==
  /\ vm[s].load = "listening" /\ vm[s].incoming = "none" /\ Waits(s)
  /\ \E stream \in {"plain", "bitmaps", "colo"} :
       /\ Needs(s, "destination", link.sent # "nothing" /\ link.carries = stream)
       /\ Linked => s = "destination"
       /\ Take(s, "main", [vm[s] EXCEPT !.load = "loading", !.incoming = "active", !.stream = stream],
               <<"MIGRATION:active">>)

(* The whole stream of a precopy is there, and it is no COLO. *)
Loaded == link.sent = "complete" /\ link.sound /\ link.carries # "colo"

IncomingActiveToCompleted(s) ==
  /\ vm[s].load = "loading" /\ vm[s].incoming = "active" /\ Waits(s) /\ vm[s].autostart
  /\ Tied(s, "destination", Loaded /\ link.ran = "running", [link EXCEPT !.said = "ok"])
  /\ Take(s, "main", [vm[s] EXCEPT !.load = "done", !.incoming = "completed", !.run = "running"],
          <<"RESUME", "MIGRATION:completed">>)

(* As the source had it; or because the client told it not to start. *)
IncomingActiveToCompletedStopped(s) ==
  /\ vm[s].load = "loading" /\ vm[s].incoming = "active" /\ Waits(s)
  /\ \E run \in LoadedStopped :
       /\ Tied(s, "destination",
               Loaded /\ run = IF link.ran = "running" /\ ~vm[s].autostart THEN "paused" ELSE link.ran,
               [link EXCEPT !.said = "ok"])
       /\ Take(s, "main", [vm[s] EXCEPT !.load = "done", !.incoming = "completed", !.run = run],
               <<"MIGRATION:completed">>)

IncomingActiveToFailed(s) ==
  /\ vm[s].load = "loading" /\ vm[s].incoming = "active"
  /\ Needs(s, "destination",
           \/ LostToDestination
           \/ ~link.sound
           \/ Has(Peer(s), "postcopy-ram") /\ ~Has(s, "postcopy-ram"))
  /\ Take(s, "main", [vm[s] EXCEPT !.incoming = "failed"], <<"MIGRATION:failed", "=life:dying">>)

-----------------------------------------------------------------------------
(* The incoming side: postcopy and recovery *)

IncomingActiveToPostcopyActive(s) ==
  /\ vm[s].load = "loading" /\ vm[s].incoming = "active" /\ (Has(s, "postcopy-ram") \/ vm[s].stream = "bitmaps")
  /\ Needs(s, "destination", link.sent \in {"listen", "pages"} /\ link.sound)
  /\ Take(s, "main", [vm[s] EXCEPT !.incoming = "postcopy-active"], <<"MIGRATION:postcopy-active", "=load:postcopy">>)

GuestPostcopyStarts(s) ==
  /\ vm[s].load = "postcopy" /\ vm[s].incoming = "postcopy-active" /\ Waits(s) /\ vm[s].autostart
  /\ Take(s, "main", [vm[s] EXCEPT !.load = "running", !.run = "running"], <<"RESUME">>)
  /\ Untied

GuestPostcopyStaysStopped(s) ==
  /\ vm[s].load = "postcopy" /\ vm[s].incoming = "postcopy-active" /\ Waits(s) /\ ~vm[s].autostart
  /\ Take(s, "main", [vm[s] EXCEPT !.load = "running", !.run = "paused"], <<>>)
  /\ Untied

(* Dirty bitmaps may be lost; memory may not. *)
IncomingPostcopyActiveToCompleted(s) ==
  /\ vm[s].load = "running" /\ vm[s].incoming = "postcopy-active"
  /\ Needs(s, "destination", link.sent = "pages" \/ (LostToDestination /\ ~Has(s, "postcopy-ram")))
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "closing", !.incoming = "completed"], <<"MIGRATION:completed">>)

IncomingListenerClosed(s) ==
  /\ vm[s].load = "closing"
  /\ Tied(s, "destination", TRUE, [link EXCEPT !.said = "ok"])
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "done"], <<>>)

IncomingPostcopyActiveToFailed(s) ==
  /\ vm[s].load = "postcopy" /\ vm[s].incoming = "postcopy-active"
  /\ Needs(s, "destination", LostToDestination)
  /\ Take(s, "listen", [vm[s] EXCEPT !.incoming = "failed"], <<"MIGRATION:failed", "=life:dying">>)

IncomingPostcopyActiveToFailedStarting(s) ==
  /\ vm[s].load = "postcopy" /\ vm[s].incoming = "postcopy-active" /\ Waits(s) /\ vm[s].autostart
  /\ Needs(s, "destination", LostToDestination)
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "running", !.incoming = "failed", !.run = "running"],
          <<"MIGRATION:failed", "=life:dying", "RESUME">>)

IncomingPostcopyActiveToFailedBitmaps(s) ==
  /\ vm[s].load = "running" /\ vm[s].incoming = "postcopy-active" /\ ~Has(s, "postcopy-ram")
  /\ Needs(s, "destination", ~link.sound)
  /\ Take(s, "listen", [vm[s] EXCEPT !.incoming = "failed"], <<"MIGRATION:failed", "=life:dying">>)

IncomingPostcopyActiveToPostcopyPaused(s) ==
  /\ vm[s].load = "running" /\ vm[s].incoming = "postcopy-active" /\ Has(s, "postcopy-ram")
  /\ Needs(s, "destination", LostToDestination)
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "paused", !.incoming = "postcopy-paused", !.recoverAsked = FALSE],
          <<"MIGRATION:postcopy-paused">>)

IncomingPostcopyPausedToPostcopyRecover(s) ==
  /\ vm[s].load = "recovering" /\ vm[s].incoming = "postcopy-paused"
  /\ Needs(s, "destination", link.sent = "resume")
  /\ Take(s, "main", [vm[s] EXCEPT !.incoming = "postcopy-recover"],
          <<"MIGRATION:postcopy-recover", "=load:recovered">>)

IncomingPostcopyRecoverToPostcopyActive(s) ==
  /\ vm[s].load = "recovered" /\ vm[s].incoming = "postcopy-recover"
  /\ Tied(s, "destination", WireUp /\ link.sent = "resume", [link EXCEPT !.sent = "listen", !.said = "resumed"])
  /\ Take(s, "listen", [vm[s] EXCEPT !.load = "running", !.incoming = "postcopy-active"],
          <<"MIGRATION:postcopy-active">>)

IncomingRecoverCrashes(s) ==
  /\ vm[s].load \in {"recovering", "recovered"} /\ vm[s].incoming = "postcopy-recover"
  /\ Needs(s, "destination", LostToDestination)
  /\ Take(s, "listen", [vm[s] EXCEPT !.life = "crashed"], <<>>)

-----------------------------------------------------------------------------
(* The guest and the process *)

(* An event that comes of itself, as often as the environment lets it: it happens when it is told. *)
Shows(s, thread, v, event) ==
  /\ event \in Troubles[s]
  /\ LET name == s \o ":" \o event IN
       /\ left[name] > 0
       /\ left' = [left EXCEPT ![name] = @ - 1]
  /\ vm[s].life \in Living
  /\ owed[s][thread] = <<>>
  /\ open[s]
  /\ vm' = [vm EXCEPT ![s] = v]
  /\ UNCHANGED <<owed, asked, open>>
  /\ Untied

GuestMayStop(s, event, lives) ==
  /\ vm[s].life \in Looping
  /\ \E life \in lives : Shows(s, "channel", [vm[s] EXCEPT !.stopDue = TRUE, !.life = life], event)

GuestTroubleBlockIoError(s) == /\ GuestMayStop(s, "BLOCK_IO_ERROR", {"alive", "quitting"})
GuestTroubleGuestPanicked(s) == /\ GuestMayStop(s, "GUEST_PANICKED", {"alive", "quitting"})
GuestTroubleWatchdog(s) == /\ GuestMayStop(s, "WATCHDOG", {"alive", "quitting"})
GuestTroubleShutdownByGuest(s) == /\ GuestMayStop(s, "SHUTDOWN:guest", {"alive", "down"})

GuestStopsByItself(s) ==
  /\ Runs(s) /\ vm[s].stopDue
  /\ \E run \in {"io-error", "guest-panicked", "watchdog", "shutdown", "paused", "internal-error"} :
       Take(s, "channel", [vm[s] EXCEPT !.run = run, !.stopDue = FALSE], <<"STOP">>)
  /\ Untied

GuestSuspends(s) ==
  /\ Runs(s)
  /\ Shows(s, "channel", [vm[s] EXCEPT !.run = "suspended"], "SUSPEND")

GuestWakes(s) ==
  /\ vm[s].run = "suspended"
  /\ Shows(s, "channel", [vm[s] EXCEPT !.run = "running"], "WAKEUP")

StaysOnReset == {"running", "inmigrate", "finish-migrate"}

GuestReset(s) ==
  /\ vm[s].run \in StaysOnReset
  /\ Shows(s, "main", vm[s], "RESET")

GuestResetStopped(s) ==
  /\ vm[s].run \notin StaysOnReset
  /\ Shows(s, "main", [vm[s] EXCEPT !.run = "prelaunch"], "RESET")

ProcessQuits(s) ==
  /\ vm[s].life = "quitting"
  /\ Take(s, "main", [vm[s] EXCEPT !.life = "down"], <<"SHUTDOWN:quit">>)
  /\ Untied

ProcessTerminated(s) ==
  /\ vm[s].life \in Looping
  /\ Shows(s, "main", [vm[s] EXCEPT !.life = "down"], "SHUTDOWN:host")

-----------------------------------------------------------------------------
(* Crashes: known defects of the release *)

Dies(s, thread, lives) ==
  /\ \E life \in lives : Take(s, thread, [vm[s] EXCEPT !.life = life], <<>>)
  /\ Untied

OutgoingMultifdOverPipeCrashes(s) ==
  /\ vm[s].piped /\ Has(s, "multifd") /\ vm[s].stage \in {"setting-up", "set-up", "ending"}
  /\ Dies(s, "migration", {"crashed"})

OutgoingChangedThreadsCrash(s) ==
  /\ vm[s].threadsChanged /\ vm[s].outgoing \in InProgress
  /\ Dies(s, "migration", {"aborted", "crashed"})

IncomingChangedThreadsCrash(s) ==
  /\ vm[s].threadsChanged /\ vm[s].load = "loading"
  /\ Dies(s, "main", {"aborted"})

IncomingLateCapabilityCrashes(s) ==
  /\ vm[s].switchedLate /\ vm[s].load = "loading"
  /\ Dies(s, "main", {"aborted", "crashed"})

ProcessQuitAfterColoCrashes(s) ==
  /\ vm[s].life \in {"down", "gone"} /\ Has(s, "x-colo") /\ vm[s].outgoing = "completed"
  /\ Dies(s, "main", {"crashed"})

ProcessQuitInBlockMigrationAborts(s) ==
  /\ vm[s].life \in {"down", "gone"} /\ Has(s, "block") /\ vm[s].outgoing \in InProgress \cup {"cancelled"}
  /\ Dies(s, "main", {"aborted"})

-----------------------------------------------------------------------------
(***************************************************************************)
(* Commands.  The requests are called as the environments call them:       *)
(*   migrate         to the destination's address                          *)
(*   migrate-block   the same with blk=true                                *)
(*   migrate-file    to a command                                          *)
(*   migrate-badly   to an address of an unknown scheme                    *)
(*   migrate-block-badly   to a malformed one, with blk=true               *)
(*   resume          with resume=true, to the address of a recovery        *)
(* A command's refusals are tried in order; what is left are alternatives. *)
(***************************************************************************)
Attempts == {"migrate", "migrate-block", "migrate-file", "migrate-badly", "migrate-block-badly"}
Sockets == {"migrate", "migrate-block"}
Pipes == {"migrate-file"}
Unknown == {"migrate-badly"}
Malformed == {"migrate-block-badly"}
WithBlocks == {"migrate-block", "migrate-block-badly"}

MigrateResumeNotPaused(s) ==
  /\ vm[s].outgoing # "postcopy-paused"
  /\ Answer(s, {"resume"}, "migrate.resume.not-paused")

MigrateResumeReleaseRam(s) ==
  /\ vm[s].outgoing = "postcopy-paused" /\ Has(s, "release-ram")
  /\ Answer(s, {"resume"}, "migrate.resume.release-ram")

MigrateResumeAccepted(s) ==
  /\ vm[s].outgoing = "postcopy-paused" /\ ~Has(s, "release-ram")
  /\ Execute(s, {"resume"}, [vm[s] EXCEPT !.resuming = TRUE], <<>>, "migrate.resume.accepted")
  /\ Untied

MigrateInProgress(s) ==
  /\ vm[s].outgoing \in InProgress
  /\ Answer(s, Attempts, "migrate.in-progress")

MigrateInmigrate(s) ==
  /\ vm[s].outgoing \notin InProgress /\ Waits(s)
  /\ Answer(s, Attempts, "migrate.inmigrate")

MayMigrate(s) == vm[s].outgoing \notin InProgress /\ ~Waits(s)

MigrateBlocked(s) ==
  /\ MayMigrate(s)
  /\ Possible("migrate.blocked")
  /\ Answer(s, Attempts, "migrate.blocked")

BlockConfigured(s) == Has(s, "block") \/ vm[s].blockIncremental

MigrateBlockOptions(s) ==
  /\ MayMigrate(s) /\ BlockConfigured(s)
  /\ Answer(s, WithBlocks, "migrate.block-options")

(* Whether nothing forbids the oldest request, an attempt. *)
Begins(s) == MayMigrate(s) /\ asked[s] # <<>> /\ (Head(asked[s]) \in WithBlocks => ~BlockConfigured(s))

(* What every attempt forgets of the one before, and switches on. *)
Anew(s) ==
  LET new == [vm[s] EXCEPT !.wasRunning = FALSE, !.switchAsked = FALSE, !.failover = FALSE, !.resuming = FALSE,
                           !.poisoned = FALSE, !.errorKnown = FALSE, !.threadsChanged = FALSE]
  IN IF Head(asked[s]) \in WithBlocks
       THEN [new EXCEPT !.blockOptions = "lent", !.caps = @ \cup {"block"}]
       ELSE new

Connecting(s) ==
  [Anew(s) EXCEPT !.outgoing = "setup", !.stage = "connecting", !.piped = Head(asked[s]) \in Pipes]

SetUpAndFailed(s) == Told(s, <<"MIGRATION:setup", "MIGRATION:failed">>)

MigrateUriScheme(s) ==
  /\ Begins(s) /\ vm[s].blockOptions = "none"
  /\ Execute(s, Unknown, [Anew(s) EXCEPT !.outgoing = "failed", !.stage = "idle"], SetUpAndFailed(s),
             "migrate.uri.scheme")
  /\ Untied

MigrateUriSchemeReturned(s) ==
  /\ Begins(s) /\ vm[s].blockOptions # "none"
  /\ Execute(s, Unknown,
             [Anew(s) EXCEPT !.outgoing = "failed", !.stage = "idle", !.blockOptions = "none",
                             !.blockIncremental = FALSE, !.caps = @ \ {"block"}],
             SetUpAndFailed(s), "migrate.uri.scheme.returned")
  /\ Untied

MigrateUriBody(s) ==
  /\ Begins(s)
  /\ Execute(s, Pipes \cup Malformed,
             [Anew(s) EXCEPT !.outgoing = "failed", !.stage = "idle", !.errorKnown = TRUE,
                             !.blockOptions = IF Head(asked[s]) \in WithBlocks THEN "leaked" ELSE @],
             SetUpAndFailed(s), "migrate.uri.body")
  /\ Untied

MigrateTooEarly(s) ==
  /\ Begins(s) /\ vm[s].stage \in {"ending", "cleaning"}
  /\ \E life \in {"aborted", "crashed"} :
       Execute(s, Sockets \cup Pipes, [vm[s] EXCEPT !.outgoing = "setup", !.life = life],
               Told(s, <<"MIGRATION:setup">>), "migrate.too-early")
  /\ Untied

MigrateAccepted(s) ==
  /\ Begins(s)
  /\ Execute(s, Sockets, Connecting(s), Told(s, <<"MIGRATION:setup">>), "migrate.accepted")
  /\ Untied

MigrateConnected(s) ==
  /\ Begins(s)
  /\ Execute(s, Pipes, Connecting(s), Told(s, <<"MIGRATION:setup", "=stage:setting-up">>), "migrate.connected")
  /\ Untied

MigrateConnectedFailed(s) ==
  /\ Begins(s)
  /\ Possible("migrate.connected.failed")
  /\ Execute(s, Pipes, [Connecting(s) EXCEPT !.outgoing = "failed", !.stage = "idle", !.errorKnown = TRUE],
             SetUpAndFailed(s), "migrate.connected.failed")
  /\ Untied

MigrateConnectedUnplug(s) ==
  /\ Begins(s)
  /\ Possible("migrate.connected.unplug")
  /\ Execute(s, Pipes, Connecting(s),
             Told(s, <<"MIGRATION:setup", "UNPLUG_PRIMARY", "=failover:yes", "=stage:setting-up">>),
             "migrate.connected.unplug")
  /\ Untied

MigrateCancelIdle(s) ==
  /\ vm[s].outgoing \notin InProgress
  /\ Answer(s, {"cancel"}, "migrate_cancel.idle")

MigrateCancelAccepted(s) ==
  /\ vm[s].outgoing \in InProgress
  /\ Closes(s, "source", "left-by-source")
  /\ Execute(s, {"cancel"}, CancelledUnderThread(s), Told(s, <<"MIGRATION:cancelling">>),
             "migrate_cancel.accepted")

MigrateCancelDeviceFirst(s) ==
  /\ GetsAhead(s, "held")
  /\ Closes(s, "source", "left-by-source")
  /\ ExecuteLeaving(s, {"cancel"}, CancelledAhead(s),
                    Told(s, <<"MIGRATION:device">>), Told(s, <<"MIGRATION:cancelling">>),
                    "migrate_cancel.device-first")

MigrateCancelPostcopyFirst(s) ==
  /\ GetsAhead(s, "postcopy-held")
  /\ Closes(s, "source", "left-by-source")
  /\ ExecuteLeaving(s, {"cancel"}, CancelledAhead(s),
                    Told(s, <<"MIGRATION:postcopy-active">>), Told(s, <<"MIGRATION:cancelling">>),
                    "migrate_cancel.postcopy-first")

(* The refusal tells the status that it has found. *)
MigrateContinueOtherState(s) ==
  /\ vm[s].outgoing # "pre-switchover"
  /\ Answer(s, {"continue"}, "migrate-continue.other-state:" \o vm[s].outgoing)

MigrateContinueAccepted(s) ==
  /\ vm[s].outgoing = "pre-switchover"
  /\ Execute(s, {"continue"}, [vm[s] EXCEPT !.continued = TRUE], <<>>, "migrate-continue.accepted")
  /\ Untied

MigrateStartPostcopyCapability(s) ==
  /\ ~PostcopyAllowed(s)
  /\ Answer(s, {"start-postcopy"}, "migrate-start-postcopy.capability")

MigrateStartPostcopyNotStarted(s) ==
  /\ PostcopyAllowed(s) /\ vm[s].outgoing = "none"
  /\ Answer(s, {"start-postcopy"}, "migrate-start-postcopy.not-started")

MigrateStartPostcopyAccepted(s) ==
  /\ PostcopyAllowed(s) /\ vm[s].outgoing \in InProgress
  /\ Execute(s, {"start-postcopy"}, [vm[s] EXCEPT !.switchAsked = TRUE], <<>>,
             "migrate-start-postcopy.accepted")
  /\ Untied

MigrateStartPostcopyNoEffect(s) ==
  /\ PostcopyAllowed(s) /\ vm[s].outgoing \notin InProgress \cup {"none"}
  /\ Answer(s, {"start-postcopy"}, "migrate-start-postcopy.no-effect")

InPostcopy(s) == vm[s].outgoing = "postcopy-active" \/ vm[s].incoming = "postcopy-active"

MigratePauseNotPostcopy(s) ==
  /\ ~InPostcopy(s)
  /\ Answer(s, {"pause"}, "migrate-pause.not-postcopy")

MigratePauseNoShutdown(s) ==
  /\ InPostcopy(s)
  /\ Possible("migrate-pause.no-shutdown")
  /\ Answer(s, {"pause"}, "migrate-pause.no-shutdown")

(* The connection is shut for both. *)
MigratePauseAccepted(s) ==
  /\ InPostcopy(s)
  /\ Closes(s, s, "lost")
  /\ Execute(s, {"pause"}, vm[s], <<>>, "migrate-pause.accepted")

(* The event of a listener is no status: it is sent whatever the capabilities are. *)
ListenerSetUp == <<"MIGRATION:setup">>

MigrateIncomingNotDeferred(s) ==
  /\ ~vm[s].defer
  /\ Answer(s, {"incoming"}, "migrate-incoming.not-deferred")

MigrateIncomingRepeated(s) ==
  /\ vm[s].defer /\ vm[s].accepted
  /\ Answer(s, {"incoming"}, "migrate-incoming.repeated")

MigrateIncomingUri(s) ==
  /\ vm[s].defer /\ ~vm[s].accepted
  /\ Execute(s, {"incoming"}, vm[s], ListenerSetUp, "migrate-incoming.uri")
  /\ Untied

MigrateIncomingAccepted(s) ==
  /\ vm[s].defer /\ ~vm[s].accepted /\ vm[s].load = "deferred"
  /\ Execute(s, {"incoming"}, [vm[s] EXCEPT !.accepted = TRUE, !.load = "listening", !.hasAddress = TRUE],
             ListenerSetUp, "migrate-incoming.accepted")
  /\ Untied

MigrateRecoverNotPaused(s) ==
  /\ vm[s].incoming # "postcopy-paused"
  /\ Answer(s, {"recover", "recover-badly"}, "migrate-recover.not-paused")

MigrateRecoverRepeated(s) ==
  /\ vm[s].incoming = "postcopy-paused" /\ vm[s].recoverAsked
  /\ Answer(s, {"recover", "recover-badly"}, "migrate-recover.repeated")

MigrateRecoverUri(s) ==
  /\ vm[s].incoming = "postcopy-paused" /\ ~vm[s].recoverAsked
  /\ Execute(s, {"recover", "recover-badly"}, [vm[s] EXCEPT !.recoverAsked = TRUE], ListenerSetUp,
             "migrate-recover.uri")
  /\ Untied

MigrateRecoverAccepted(s) ==
  /\ vm[s].incoming = "postcopy-paused" /\ ~vm[s].recoverAsked
  /\ Execute(s, {"recover"}, [vm[s] EXCEPT !.recoverAsked = TRUE, !.load = "recovering", !.hasAddress = TRUE],
             ListenerSetUp, "migrate-recover.accepted")
  /\ Untied

StopRunning(s) ==
  /\ Runs(s)
  /\ Execute(s, {"stop"}, [vm[s] EXCEPT !.run = "paused"], <<"STOP">>, "stop.running")
  /\ Untied

StopInmigrate(s) ==
  /\ Waits(s)
  /\ Execute(s, {"stop"}, [vm[s] EXCEPT !.autostart = FALSE], <<>>, "stop.inmigrate")
  /\ Untied

StopNoEffect(s) ==
  /\ ~Runs(s) /\ ~Waits(s)
  /\ Answer(s, {"stop"}, "stop.no-effect")

NeedsReset(s) == vm[s].run \in {"shutdown", "internal-error"}
Refused(s) == NeedsReset(s) \/ vm[s].run = "finish-migrate"

ContDump(s) ==
  /\ Possible("cont.dump")
  /\ Answer(s, {"cont"}, "cont.dump")

ContResetNeeded(s) ==
  /\ NeedsReset(s)
  /\ Answer(s, {"cont"}, "cont.reset-needed")

ContFinishMigrate(s) ==
  /\ vm[s].run = "finish-migrate"
  /\ Answer(s, {"cont"}, "cont.finish-migrate")

DisksMayBeAway(s) ==
  vm[s].disksGone \/ Waits(s) \/ vm[s].outgoing # "none" \/ vm[s].incoming # "none"

ContDisk(s) ==
  /\ ~Refused(s) /\ vm[s].run # "suspended" /\ DisksMayBeAway(s)
  /\ Possible("cont.disk")
  /\ Answer(s, {"cont"}, "cont.disk")

ContInmigrate(s) ==
  /\ Waits(s)
  /\ Execute(s, {"cont"}, [vm[s] EXCEPT !.autostart = TRUE], <<>>, "cont.inmigrate")
  /\ Untied

ContNoEffect(s) ==
  /\ vm[s].run \in {"running", "suspended"}
  /\ Answer(s, {"cont"}, "cont.no-effect")

ContStopped(s) ==
  /\ ~Refused(s) /\ vm[s].run \notin {"running", "suspended", "inmigrate"}
  /\ Execute(s, {"cont"}, [vm[s] EXCEPT !.run = "running", !.disksGone = FALSE], <<"RESUME">>, "cont.stopped")
  /\ Untied

QuitAccepted(s) ==
  /\ Execute(s, {"quit"}, [vm[s] EXCEPT !.life = "quitting"], <<>>, "quit.accepted")
  /\ Untied

InColo(s) == vm[s].outgoing = "colo" \/ vm[s].incoming = "colo"

XColoLostHeartbeatNotInColo(s) ==
  /\ ~InColo(s)
  /\ Answer(s, {"take-over"}, "x-colo-lost-heartbeat.not-in-colo")

XColoLostHeartbeatRepeated(s) ==
  /\ InColo(s) /\ vm[s].coloFailover # "none"
  /\ Answer(s, {"take-over"}, "x-colo-lost-heartbeat.repeated")

XColoLostHeartbeatAccepted(s) ==
  /\ InColo(s) /\ vm[s].coloFailover = "none"
  /\ Execute(s, {"take-over"}, [vm[s] EXCEPT !.coloFailover = "require"], <<>>, "x-colo-lost-heartbeat.accepted")
  /\ Untied

Migrating(s) == vm[s].outgoing \in InProgress \/ vm[s].incoming = "active"

(* The same number once more changes nothing. *)
MigrateSetParametersThreadsMeanwhile(s) ==
  /\ Migrating(s)
  /\ \E changed \in BOOLEAN :
       Execute(s, {"more-channels"}, [vm[s] EXCEPT !.threadsChanged = changed], <<>>,
               "migrate-set-parameters.threads-meanwhile")
  /\ Untied

MigrateSetParametersAccepted(s) ==
  /\ ~Migrating(s)
  /\ Answer(s, {"more-channels"}, "migrate-set-parameters.accepted")

MigrateSetCapabilitiesInProgress(s) ==
  /\ vm[s].outgoing \in InProgress
  /\ Answer(s, {"multifd-on"}, "migrate-set-capabilities.in-progress")

IgnoresShared(s) == Has(s, "postcopy-ram") /\ Has(s, "x-ignore-shared")

MigrateSetCapabilitiesPostcopyShared(s) ==
  /\ vm[s].outgoing \notin InProgress /\ IgnoresShared(s)
  /\ Answer(s, {"multifd-on"}, "migrate-set-capabilities.postcopy-shared")

MigrateSetCapabilitiesWhileLoading(s) ==
  /\ vm[s].outgoing \notin InProgress /\ ~IgnoresShared(s) /\ vm[s].incoming = "active"
  /\ Execute(s, {"multifd-on"}, [vm[s] EXCEPT !.switchedLate = TRUE, !.caps = @ \cup {"multifd"}], <<>>,
             "migrate-set-capabilities.while-loading")
  /\ Untied

MigrateSetCapabilitiesAccepted(s) ==
  /\ vm[s].outgoing \notin InProgress /\ ~IgnoresShared(s) /\ vm[s].incoming # "active"
  /\ Execute(s, {"multifd-on"}, [vm[s] EXCEPT !.caps = @ \cup {"multifd"}], <<>>,
             "migrate-set-capabilities.accepted")
  /\ Untied

-----------------------------------------------------------------------------
(* What surrounds the VMs, and what the monitors show *)

(* A thread makes a change that had to wait for the messages before it. *)
DeferredChange(s, thread) ==
  /\ open[s] /\ owed[s][thread] # <<>>
  /\ Head(owed[s][thread]) \in Changes
  /\ vm' = [vm EXCEPT ![s] = Changed(@, Head(owed[s][thread]))]
  /\ owed' = [owed EXCEPT ![s][thread] = Tail(@)]
  /\ UNCHANGED <<asked, open, link, left>>

(* The monitor shows the oldest message that a thread owes. *)
Deliver(s, thread) ==
  /\ open[s] /\ owed[s][thread] # <<>>
  /\ Head(owed[s][thread]) \notin Changes
  /\ owed' = [owed EXCEPT ![s][thread] = Tail(@)]
  /\ UNCHANGED <<vm, asked, open, link, left>>

(* Whether a reply is still to come: none is ever followed by anything but nothing. *)
Unanswered(s) ==
  LET main == owed[s]["main"] IN IF main # <<>> /\ IsReply(main[Len(main)]) THEN 1 ELSE 0

Ask(s, request) ==
  /\ request \in Requests[s]
  /\ open[s]
  /\ Len(asked[s]) + Unanswered(s) < Pipelined
  /\ LET name == s \o ":" \o request IN
       /\ left[name] > 0
       /\ left' = [left EXCEPT ![name] = @ - 1]
  /\ asked' = [asked EXCEPT ![s] = Append(@, request)]
  /\ UNCHANGED <<vm, owed, open, link>>

(* The process ends: its connections and its monitor are closed, and whatever it owed is never told. *)
Ended(s) ==
  /\ open[s]
  /\ open' = [open EXCEPT ![s] = FALSE]
  /\ owed' = [owed EXCEPT ![s] = Idle]
  /\ asked' = [asked EXCEPT ![s] = <<>>]
  /\ Closes(s, s, IF s = "source" THEN "left-by-source" ELSE "left-by-destination")

ProcessEnd(s) ==
  /\ vm[s].life \in Ending
  /\ Ended(s)
  /\ UNCHANGED <<vm, left>>

Happens(name) ==
  /\ name \in DOMAIN left
  /\ left[name] > 0
  /\ left' = [left EXCEPT ![name] = @ - 1]

Kill(s) ==
  /\ Happens("kill-" \o s)
  /\ Ended(s)
  /\ vm' = [vm EXCEPT ![s].life = "crashed"]

(* A destination whose process has ended is started anew, once the source is done with the one before. *)
Restart ==
  /\ Happens("restart")
  /\ ~open["destination"]
  /\ vm["source"].stage \in {"idle", "connecting"}
  /\ vm["destination"].caps \in {capabilities \cup {"events"} : capabilities \in Capabilities}
  /\ vm' = [vm EXCEPT !["destination"] = [Starts["destination"] EXCEPT !.caps = vm["destination"].caps]]
  /\ open' = [open EXCEPT !["destination"] = TRUE]
  /\ link' = Unused
  /\ UNCHANGED <<owed, asked>>

Loss ==
  /\ Happens("loss")
  /\ WireUp
  /\ link' = [link EXCEPT !.wire = "lost"]
  /\ UNCHANGED <<vm, owed, asked, open>>

(* The stream is such that the destination cannot load it. *)
Garble ==
  /\ Happens("garble")
  /\ WireUp /\ link.sound
  /\ link' = [link EXCEPT !.sound = FALSE]
  /\ UNCHANGED <<vm, owed, asked, open>>

-----------------------------------------------------------------------------
(***************************************************************************)
(* The steps of a VM.  No fairness is asked of those that repeat, which a  *)
(* VM may take over and over without getting on, nor of known defects.     *)
(***************************************************************************)
Repeats(s) ==
  \/ OutgoingUnplugRequested(s) \/ OutgoingPass(s) \/ OutgoingFailedToFailedChannel(s)
  \/ StreamCheckpoint(s) \/ GuestColoPrimaryRuns(s) \/ GuestColoPrimaryStops(s) \/ OutgoingColoPass(s)
  \/ GuestColoSecondaryRuns(s) \/ GuestColoSecondaryStops(s)

(* Known defects of the release, which nobody is obliged to show. *)
Defects(s) ==
  \/ OutgoingCancellingToFailed(s) \/ OutgoingMigratedAgainCrashes(s) \/ OutgoingColoAfterPause(s)
  \/ OutgoingCancelledByExitDeviceFirst(s) \/ OutgoingCancelledByExitPostcopyFirst(s)
  \/ OutgoingCancellingToPostcopyPaused(s) \/ OutgoingPauseCancelled(s) \/ OutgoingCancelCrashes(s)
  \/ OutgoingResumeNotConnected(s) \/ OutgoingResumeAborts(s) \/ OutgoingResumeCancelled(s)
  \/ ColoPrimaryExitAbandoned(s) \/ IncomingRecoverCrashes(s) \/ OutgoingMultifdOverPipeCrashes(s)
  \/ OutgoingChangedThreadsCrash(s) \/ IncomingChangedThreadsCrash(s) \/ IncomingLateCapabilityCrashes(s)
  \/ ProcessQuitAfterColoCrashes(s) \/ ProcessQuitInBlockMigrationAborts(s) \/ MigrateTooEarly(s)
  \/ MigrateCancelDeviceFirst(s) \/ MigrateCancelPostcopyFirst(s)

Precopies(s) ==
  \/ OutgoingConnected(s) \/ OutgoingSetupToFailedConnection(s) \/ OutgoingCancellingToCancelledConnection(s)
  \/ OutgoingFirstPass(s) \/ OutgoingSetupToActive(s) \/ OutgoingSetupToWaitUnplug(s) \/ OutgoingWaitUnplugToActive(s)
  \/ OutgoingSetUpOvertaken(s)
  \/ OutgoingPassWhileCancelling(s) \/ OutgoingIterationOvertaken(s)
  \/ OutgoingActiveToFailed(s) \/ OutgoingCommit(s)
  \/ OutgoingStopGuest(s) \/ OutgoingGuestWasStopped(s) \/ OutgoingActiveToFailedFlush(s)
  \/ OutgoingActiveToPreSwitchover(s) \/ OutgoingPauseOvertaken(s) \/ OutgoingPreSwitchoverToDevice(s)
  \/ OutgoingWaitOvertaken(s) \/ OutgoingSave(s) \/ OutgoingLastPass(s)
  \/ OutgoingActiveToFailedBlock(s) \/ OutgoingDeviceToFailedBlock(s)
  \/ StreamComplete(s) \/ OutgoingActiveToCompleted(s) \/ OutgoingDeviceToCompleted(s)
  \/ OutgoingActiveToFailedClosing(s) \/ OutgoingDeviceToFailed(s) \/ OutgoingCloseOvertaken(s)
  \/ OutgoingColoCommit(s)

EndsAttempt(s) ==
  \/ GuestPostmigrateCompleted(s) \/ GuestRestarted(s) \/ GuestRunsAlready(s) \/ GuestPostmigrateFailed(s)
  \/ GuestUntouched(s) \/ OutgoingCancellingToCancelled(s) \/ OutgoingCancellingToCancelledExiting(s)
  \/ OutgoingCleanedUp(s) \/ OutgoingBlockOptionsReturnedLent(s) \/ OutgoingBlockOptionsReturnedLeaked(s)
  \/ OutgoingCancelledByExitAccepted(s)
  \/ OutgoingSetupToFailedChannel(s) \/ OutgoingActiveToFailedChannel(s) \/ OutgoingPreSwitchoverToFailedChannel(s)
  \/ OutgoingDeviceToFailedChannel(s)

Postcopies(s) ==
  \/ OutgoingSwitch(s) \/ OutgoingActiveToPostcopyActive(s) \/ OutgoingSwitchBeforePause(s)
  \/ OutgoingSwitchOvertaken(s) \/ OutgoingPostcopyStopGuest(s) \/ OutgoingPostcopyGuestWasStopped(s)
  \/ OutgoingActiveToPreSwitchoverPostcopy(s) \/ OutgoingPostcopyPauseOvertaken(s)
  \/ OutgoingPreSwitchoverToPostcopyActive(s) \/ OutgoingPostcopyWaitOvertaken(s) \/ OutgoingPostcopySave(s)
  \/ OutgoingPostcopyLastPass(s) \/ OutgoingPostcopyPassWhileCancelling(s) \/ OutgoingPostcopyBitmaps(s)
  \/ OutgoingPostcopyActiveToFailedSwitching(s)
  \/ StreamPages(s) \/ OutgoingPostcopyActiveToCompleted(s) \/ OutgoingPostcopyActiveToFailed(s)
  \/ OutgoingPostcopyActiveToPostcopyPaused(s)
  \/ OutgoingPostcopyPausedToPostcopyRecover(s)
  \/ OutgoingPostcopyRecoverToPostcopyActive(s)
  \/ OutgoingPostcopyRecoverToPostcopyPaused(s)

Colo(s) ==
  \/ OutgoingActiveToColo(s) \/ GuestColoTakeoverStops(s) \/ OutgoingColoToCompleted(s) \/ ColoPrimaryExit(s)
  \/ ColoPrimaryExitOrdered(s) \/ ColoPrimaryExitTooEarly(s)
  \/ ColoTakeoverWithoutColo(s) \/ GuestColoPrimaryGoesOn(s) \/ GuestColoPrimaryGoesOnSilently(s)
  \/ IncomingActiveToColo(s) \/ IncomingColoToCompleted(s) \/ ColoSecondaryPutsOff(s) \/ ColoSecondaryTakesUp(s)
  \/ ColoSecondaryExit(s) \/ ColoSecondaryExitOrdered(s) \/ ColoSecondaryExitTooEarly(s)
  \/ GuestColoSecondaryGoesOn(s)

Loads(s) ==
  \/ IncomingNoneToActive(s) \/ IncomingActiveToCompleted(s) \/ IncomingActiveToCompletedStopped(s)
  \/ IncomingActiveToFailed(s)
  \/ IncomingActiveToPostcopyActive(s) \/ GuestPostcopyStarts(s) \/ GuestPostcopyStaysStopped(s)
  \/ IncomingPostcopyActiveToCompleted(s) \/ IncomingListenerClosed(s) \/ IncomingPostcopyActiveToFailed(s)
  \/ IncomingPostcopyActiveToFailedStarting(s) \/ IncomingPostcopyActiveToFailedBitmaps(s)
  \/ IncomingPostcopyActiveToPostcopyPaused(s) \/ IncomingPostcopyPausedToPostcopyRecover(s)
  \/ IncomingPostcopyRecoverToPostcopyActive(s)

Goes(s) ==
  \/ GuestStopsByItself(s) \/ ProcessQuits(s)

(* What comes of itself, as often as the environment lets it. *)
ShowsTrouble(s) ==
  \/ GuestTroubleBlockIoError(s) \/ GuestTroubleGuestPanicked(s) \/ GuestTroubleWatchdog(s)
  \/ GuestTroubleShutdownByGuest(s) \/ GuestSuspends(s) \/ GuestWakes(s) \/ GuestReset(s) \/ GuestResetStopped(s)
  \/ ProcessTerminated(s)

ExecutesOutgoing(s) ==
  \/ MigrateResumeNotPaused(s) \/ MigrateResumeReleaseRam(s) \/ MigrateResumeAccepted(s)
  \/ MigrateInProgress(s) \/ MigrateInmigrate(s) \/ MigrateBlocked(s) \/ MigrateBlockOptions(s)
  \/ MigrateUriScheme(s) \/ MigrateUriSchemeReturned(s) \/ MigrateUriBody(s)
  \/ MigrateAccepted(s) \/ MigrateConnected(s) \/ MigrateConnectedFailed(s) \/ MigrateConnectedUnplug(s)
  \/ MigrateCancelIdle(s) \/ MigrateCancelAccepted(s)
  \/ MigrateContinueOtherState(s) \/ MigrateContinueAccepted(s)
  \/ MigrateStartPostcopyCapability(s) \/ MigrateStartPostcopyNotStarted(s) \/ MigrateStartPostcopyAccepted(s)
  \/ MigrateStartPostcopyNoEffect(s)

ExecutesIncoming(s) ==
  \/ MigratePauseNotPostcopy(s) \/ MigratePauseNoShutdown(s) \/ MigratePauseAccepted(s)
  \/ MigrateIncomingNotDeferred(s) \/ MigrateIncomingRepeated(s) \/ MigrateIncomingUri(s) \/ MigrateIncomingAccepted(s)
  \/ MigrateRecoverNotPaused(s) \/ MigrateRecoverRepeated(s) \/ MigrateRecoverUri(s) \/ MigrateRecoverAccepted(s)

ExecutesOther(s) ==
  \/ StopRunning(s) \/ StopInmigrate(s) \/ StopNoEffect(s)
  \/ ContDump(s) \/ ContResetNeeded(s) \/ ContFinishMigrate(s) \/ ContDisk(s) \/ ContInmigrate(s) \/ ContNoEffect(s)
  \/ ContStopped(s)
  \/ QuitAccepted(s)
  \/ XColoLostHeartbeatNotInColo(s) \/ XColoLostHeartbeatRepeated(s) \/ XColoLostHeartbeatAccepted(s)
  \/ MigrateSetParametersThreadsMeanwhile(s) \/ MigrateSetParametersAccepted(s)
  \/ MigrateSetCapabilitiesInProgress(s) \/ MigrateSetCapabilitiesPostcopyShared(s)
  \/ MigrateSetCapabilitiesWhileLoading(s) \/ MigrateSetCapabilitiesAccepted(s)

Executes(s) == ExecutesOutgoing(s) \/ ExecutesIncoming(s) \/ ExecutesOther(s)

(* Every step with which a VM gets on by itself, and must if it can again and again. *)
GetsOn(s) ==
  \/ Precopies(s) \/ EndsAttempt(s) \/ Postcopies(s) \/ Colo(s) \/ Loads(s) \/ Goes(s)
  \/ Executes(s) \/ ProcessEnd(s)

Delivers(s, thread) == DeferredChange(s, thread) \/ Deliver(s, thread)

Surroundings ==
  \/ \E s \in Sides : \E request \in Requests[s] : Ask(s, request)
  \/ \E s \in Sides : ShowsTrouble(s)
  \/ \E s \in Sides : Kill(s)
  \/ Restart \/ Loss \/ Garble

-----------------------------------------------------------------------------
(***************************************************************************)
(* The specification.  Nobody is obliged to ask for anything, and nothing  *)
(* has to break.  But a message that is owed is delivered in the end (weak *)
(* fairness), and VMs that could get on again and again do get on (strong  *)
(* fairness): they do not make passes for ever.                            *)
(***************************************************************************)
Init ==
  \E capabilities \in Capabilities :
    /\ vm = [s \in Sides |-> [Starts[s] EXCEPT !.caps = capabilities \cup {"events"}]]
    /\ owed = [s \in Sides |-> Idle]
    /\ asked = [s \in Sides |-> <<>>]
    /\ open = [s \in Sides |-> TRUE]
    /\ link = Unused
    /\ left = Often

Delivery == \E s \in Sides : \E thread \in Threads : Delivers(s, thread)

Advance == \E s \in Sides : GetsOn(s)

Next ==
  \/ Delivery
  \/ Advance
  \/ \E s \in Sides : Repeats(s) \/ Defects(s)
  \/ Surroundings

Fairness == WF_vars(Delivery) /\ SF_vars(Advance)

Safety == Init /\ [][Next]_vars

Spec == Safety /\ Fairness

-----------------------------------------------------------------------------
(* What every value belongs to. *)
TypeOK ==
  /\ \A s \in Sides :
       /\ vm[s].outgoing \in Statuses /\ vm[s].incoming \in Statuses
       /\ vm[s].run \in RunStates /\ vm[s].life \in Lives
       /\ DOMAIN vm[s] = DOMAIN Fresh
       /\ \A thread \in Threads :
            \A i \in 1..Len(owed[s][thread]) :
              IsReply(owed[s][thread][i]) => thread = "main" /\ i = Len(owed[s][thread])
       /\ Len(asked[s]) + Unanswered(s) <= Pipelined
  /\ DOMAIN link = DOMAIN Unused
  /\ \A name \in DOMAIN left : left[name] \in 0..3

=============================================================================
