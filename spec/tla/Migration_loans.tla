-------------------------- MODULE Migration_loans --------------------------
(* Block options that migrate switches on for itself, and an address that is no good.                               *)
EXTENDS Migration, TLC

TheCapabilities == {{}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate-block-badly", "migrate"}, destination |-> {}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate-block-badly" :> 1 @@ "source:migrate" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.postcopy-active-to-failed", "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
