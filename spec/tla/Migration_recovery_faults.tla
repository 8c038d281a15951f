--------------------- MODULE Migration_recovery_faults ---------------------
(* A recovery, and faults of the host.                                                                              *)
EXTENDS Migration, TLC

TheCapabilities == {{"postcopy-ram"}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate", "start-postcopy", "pause", "resume"}, destination |-> {"recover"}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:start-postcopy" :> 1 @@ "source:pause" :> 1 @@ "source:resume" :> 1 @@
  "destination:recover" :> 1
TheWithout == {"cont.disk", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.unplug-requested"}

=============================================================================
