------------------------- MODULE Migration_recovery -------------------------
(* A postcopy that is paused or loses its connection, and recovers.                                                 *)
EXTENDS Migration, TLC

TheCapabilities == {{"postcopy-ram"}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate", "start-postcopy", "pause", "resume"}, destination |-> {"recover"}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:start-postcopy" :> 1 @@ "source:pause" :> 1 @@ "source:resume" :> 2 @@
  "destination:recover" :> 2 @@ "loss" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.postcopy-active-to-failed", "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
