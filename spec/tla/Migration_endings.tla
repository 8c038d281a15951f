------------------------- MODULE Migration_endings -------------------------
(* A guest that panics, hangs or shuts down, and a host that ends a process, in a migration.                        *)
EXTENDS Migration, TLC

TheCapabilities == {{}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate"}, destination |-> {}]
TheTroubles == [source |-> {"GUEST_PANICKED", "WATCHDOG", "SHUTDOWN:guest"}, destination |-> {"SHUTDOWN:host"}]
TheOften == "source:migrate" :> 1 @@ "source:GUEST_PANICKED" :> 1 @@ "source:WATCHDOG" :> 1 @@ "source:SHUTDOWN:guest"
  :> 1 @@ "destination:SHUTDOWN:host" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.postcopy-active-to-failed", "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
