------------------------- MODULE Migration_troubles -------------------------
(* A guest that suspends, is reset, or stops for an error of its disk, in a migration.                              *)
EXTENDS Migration, TLC

TheCapabilities == {{}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate"}, destination |-> {}]
TheTroubles == [source |-> {"BLOCK_IO_ERROR", "RESET", "SUSPEND", "WAKEUP"}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:BLOCK_IO_ERROR" :> 1 @@ "source:RESET" :> 1 @@ "source:SUSPEND" :> 1 @@
  "source:WAKEUP" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.postcopy-active-to-failed", "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
