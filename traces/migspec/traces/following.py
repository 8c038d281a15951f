"""Following one VM through the automaton: its way, what is not explained yet, and what came before a gap.

An observation that nothing explains is not reported at once: an explanation looks on for a few messages, so that it can
say which edit would make the trace legal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from migspec.traces.cursor import Cursor
from migspec.traces.explain import Explainer, Explanation
from migspec.traces.findings import Finding, Grade
from migspec.traces.gaps import Shadow
from migspec.traces.observations import Observation, Replied
from migspec.traces.recovery import another_client, recover


class Following:
    """One VM on its way through the automaton.

    `report` receives findings as they are made; `exercised` counts the rules that messages needed, and `examples` has
    the line of the first of them.
    """

    def __init__(
        self,
        name: str,
        cursor: Cursor,
        explainer: Explainer,
        report: Callable[[Finding], None],
        *,
        other_clients: bool,
    ) -> None:
        self.name = name
        self.automaton = cursor.automaton
        self.explainer = explainer
        self.exercised: Counter[str] = Counter()
        self.examples: dict[str, int] = {}
        self._report = report
        self._cursor = cursor
        self._unexplained: list[Explanation] = []
        self._other_clients = other_clients
        self._shadow: Shadow | None = None

    @property
    def is_explaining(self) -> bool:
        """Whether an observation was rejected, which a few more messages are looked at to explain."""
        return bool(self._unexplained)

    def _move(self, number: int, observation: Observation) -> None:
        if self._unexplained or self._shadow or not self._cursor.repeats(observation):
            self._find_way(number, observation)

    def _find_way(self, number: int, observation: Observation) -> None:
        """Follow an observation that is new here, is rejected, or shows a defect."""
        if self._shadow is not None:
            self._look_behind_gap(number, observation)
        edge = self._cursor.follow(observation)
        node = self._cursor.node
        if self._unexplained:
            self._look_on(observation)
        if edge is None and self._other_clients:
            elsewhere = another_client(self.automaton, node, observation)
            if elsewhere is not None:
                self._cursor.jump(elsewhere)
                told = "This is explained by a client that the trace does not show."
                self._find(number, "trace.other-client", Grade.NOTE, told)
                return
        if edge is None and self._cursor.is_uncertain and not self._cursor.rules_out(observation):
            told = "There are too many possibilities to tell whether this message is allowed."
            if not self._cursor.at_rest:
                told += " There are fewer with --at-rest, if no migration was under way when the trace began."
            self._find(number, "trace.too-uncertain", Grade.DOUBT, told)
            self._recover(observation)
            return
        if edge is None:
            self._unexplained.append(self.explainer.open(node, observation, number, self.name))
            self._recover(observation)
            return
        for rule in edge.rules:
            self.examples.setdefault(rule, number)
        for note in edge.notes:
            self._find(number, note, Grade.DEFECT, self.explainer.sentence(note))

    def _look_behind_gap(self, number: int, observation: Observation) -> None:
        """Follow the VM as it was before the gap, for as long as that tells something."""
        shadow = self._shadow
        if shadow is None:
            return
        if not shadow.explains(observation):
            self._doubt_gap(number, shadow)
            self._shadow = None
        elif shadow.is_over:
            self._shadow = None

    def _doubt_gap(self, number: int, shadow: Shadow) -> None:
        told = (
            f"This does not follow from what came before the gap in line {shadow.line}, so the gap hides what happened."
        )
        self._find(number, "trace.gap", Grade.DOUBT, told)

    def _look_on(self, observation: Observation) -> None:
        """Let open explanations see one more message, and report those that have seen enough."""
        for explanation in self._unexplained:
            explanation.look(self.automaton, observation)
        for explanation in [e for e in self._unexplained if e.is_complete]:
            self._unexplained.remove(explanation)
            self._report(self.explainer.close(explanation))

    def _close_explanations(self) -> None:
        for explanation in self._unexplained:
            self._report(self.explainer.close(explanation))
        self._unexplained.clear()

    def _recover(self, observation: Observation) -> None:
        if not isinstance(observation, Replied) or not self._cursor.pass_over(observation):
            self._cursor.jump(recover(self.automaton, self._cursor.everywhere, observation))

    def _exercise(self, number: int, rule: str) -> None:
        """Count a message that no edge stands for, or that exercises more than its edge says."""
        self.exercised[rule] += 1
        self.examples.setdefault(rule, number)

    def _find(self, number: int, rule: str, grade: Grade, message: str) -> None:
        self._report(Finding(number, self.name, rule, grade, message))
