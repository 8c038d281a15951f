------------------------ MODULE Migration_colo_quit ------------------------
(* COLO whose primary takes over, and quits.                                                                        *)
EXTENDS Migration, TLC

TheCapabilities == {{"x-colo"}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate", "take-over", "quit"}, destination |-> {}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:take-over" :> 1 @@ "source:quit" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.postcopy-active-to-failed", "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
