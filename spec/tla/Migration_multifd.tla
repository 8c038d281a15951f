------------------------- MODULE Migration_multifd -------------------------
(* A precopy over several channels, each of which reports at most one failure of its own.                           *)
EXTENDS Migration, TLC

TheCapabilities == {{"multifd"}, {"multifd", "pause-before-switchover"}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate", "cancel", "continue"}, destination |-> {}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:cancel" :> 1 @@ "source:continue" :> 1 @@ "loss" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.failed-to-failed.channel",
  "outgoing.migrated-again-crashes", "outgoing.postcopy-active-to-failed",
  "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
