-------------------------- MODULE Migration_guest --------------------------
(* A precopy of a guest that is stopped and continued, to a destination that is told where to listen.               *)
EXTENDS Migration, TLC

TheCapabilities == {{}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "deferred", !.run = "inmigrate", !.defer =
  TRUE]]
TheRequests == [source |-> {"migrate", "stop", "cont"}, destination |-> {"incoming", "stop", "cont"}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:stop" :> 1 @@ "source:cont" :> 1 @@ "destination:incoming" :> 1 @@
  "destination:stop" :> 1 @@ "destination:cont" :> 1
TheWithout == {"cont.disk", "cont.dump", "migrate-pause.no-shutdown", "migrate-set-capabilities.postcopy-host",
  "migrate.blocked", "migrate.connected.failed", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.postcopy-active-to-failed", "outgoing.postcopy-recover-to-postcopy-paused", "outgoing.unplug-requested"}

=============================================================================
