-------------------- MODULE Migration_postcopy_cancelled --------------------
(* A postcopy that is paused, and cancelled before, meanwhile, or while it recovers.                                *)
EXTENDS Migration, TLC

TheCapabilities == {{"postcopy-ram"}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate", "start-postcopy", "pause", "cancel", "resume"}, destination |-> {"recover"}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:start-postcopy" :> 1 @@ "source:pause" :> 1 @@ "source:cancel" :> 1 @@
  "source:resume" :> 1 @@ "destination:recover" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.postcopy-active-to-failed", "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
