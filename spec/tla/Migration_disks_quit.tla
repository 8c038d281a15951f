------------------------ MODULE Migration_disks_quit ------------------------
(* A precopy of disks, with a pause or without, and a process that quits.                                           *)
EXTENDS Migration, TLC

TheCapabilities == {{}, {"pause-before-switchover"}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate-block", "continue", "quit"}, destination |-> {}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate-block" :> 1 @@ "source:continue" :> 1 @@ "source:quit" :> 1
TheWithout == {"cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host", "migrate.blocked",
  "migrate.connected.failed", "migrate.connected.unplug", "outgoing.postcopy-active-to-failed",
  "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
