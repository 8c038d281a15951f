------------------------- MODULE Migration_process -------------------------
(* A precopy in which processes quit or are killed.                                                                 *)
EXTENDS Migration, TLC

TheCapabilities == {{}, {"return-path"}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate", "quit"}, destination |-> {"quit"}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:quit" :> 1 @@ "destination:quit" :> 1 @@ "kill-source" :> 1 @@
  "kill-destination" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.postcopy-active-to-failed", "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
