-------------------------- MODULE Migration_disks --------------------------
(* Precopies of a guest with disks, which may be migrated too, to a file, and once more.                            *)
EXTENDS Migration, TLC

TheCapabilities == {{}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate-block", "migrate-file", "cont"}, destination |-> {}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate-block" :> 1 @@ "source:migrate-file" :> 1 @@ "source:cont" :> 1
TheWithout == {"cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host", "migrate.blocked",
  "migrate.connected.failed", "migrate.connected.unplug", "outgoing.postcopy-active-to-failed",
  "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
