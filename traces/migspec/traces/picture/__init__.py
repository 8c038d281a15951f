"""What a judged log shows, gathered for whoever draws it: who said what, when, and what became of the VMs by it.

`gathering` reads the log once more and keeps what is shown. What a line shows is in `marks`; `bundling` and `texts`
make them few and short; `watching` has what the judge infers, and `told` what messages say where it infers nothing;
`story` says it in words. The page of HTML and the timeline are drawn from it.
"""
