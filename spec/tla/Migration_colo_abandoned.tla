---------------------- MODULE Migration_colo_abandoned ----------------------
(* COLO, left for another migration, or never reached for a pause before the switch-over.                           *)
EXTENDS Migration, TLC

TheCapabilities == {{"x-colo"}, {"x-colo", "pause-before-switchover"}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate", "migrate-file", "continue", "take-over"}, destination |-> {}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:migrate-file" :> 1 @@ "source:continue" :> 1 @@ "source:take-over" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.postcopy-active-to-failed", "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
