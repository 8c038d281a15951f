"""placeholder."""
from __future__ import annotations
from migspec.traces.automaton import Automaton, Node
from migspec.traces.findings import Finding, Grade
from migspec.traces.observations import Observation

class Explainer:
    """x."""
    def __init__(self, automaton: Automaton) -> None:
        self.automaton = automaton
    def sentence(self, rule: str) -> str:
        return rule
    def explain(self, node: Node, observation: Observation, number: int, vm: str) -> Finding:
        hyps=[]
        from migspec.spec.state import describe
        for h in node.hypotheses[:6]:
            hyps.append(str(describe(h.state,("outgoing","stage","incoming","load","run","life","cap.events")))+str([[str(x) if isinstance(x,str) else ('reply', x.request.command, str(x.expect)) for x in o] for o in h.owed])+str([[q.command for q in m.queue] for m in h.monitors]))
        return Finding(number, vm, 'x', Grade.VIOLATION, f"{observation} not allowed", f"{len(node.hypotheses)} hyps\n"+"\n".join(hyps))
