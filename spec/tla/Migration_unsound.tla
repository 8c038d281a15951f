------------------------- MODULE Migration_unsound -------------------------
(* Streams that cannot be loaded, and faults of the host.                                                           *)
EXTENDS Migration, TLC

TheCapabilities == {{"return-path"}, {"postcopy-ram"}, {"dirty-bitmaps"}}
TheStarts == [source |-> Fresh, destination |-> [Fresh EXCEPT !.load = "listening", !.run = "inmigrate", !.hasAddress
  = TRUE]]
TheRequests == [source |-> {"migrate", "start-postcopy"}, destination |-> {}]
TheTroubles == [source |-> {}, destination |-> {}]
TheOften == "source:migrate" :> 1 @@ "source:start-postcopy" :> 1 @@ "garble" :> 1
TheWithout == {"cont.disk", "migrate.connected.unplug", "outgoing.active-to-failed.block",
  "outgoing.active-to-failed.flush", "outgoing.device-to-failed.block", "outgoing.migrated-again-crashes",
  "outgoing.unplug-requested"}

=============================================================================
