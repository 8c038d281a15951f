"""How a modelled process answers calls: which case of a contract happens, the step that it is, and a reply's words."""

from dataclasses import replace

from migspec.reference_impl.answers.words import UNDEFINED, text_of
from migspec.reference_impl.calls import Call, Failure, Return
from migspec.reference_impl.contents import content
from migspec.reference_impl.contracts import Refused, outcome, possible
from migspec.reference_impl.decisions import DECISIONS, address_of, descriptor_of, effect, why_no_snapshot
from migspec.reference_impl.effects import EFFECTS
from migspec.reference_impl.process import Process
from migspec.spec.contracts import Answer, Case
from migspec.spec.invariants import is_known
from migspec.spec.state import VARIABLES, assign
from migspec.spec.steps import IO, MAIN, MIGRATION
from migspec.spec.uri import UriKind
from migspec.spec.vocabulary import ErrorClass


class Answering(Process):
    """A process that executes calls."""

    def owed_for(self, call: Call) -> tuple[str, ...]:
        """What is owed by the threads that a call may add to, replies aside: the migration thread and its own."""
        threads = (MIGRATION, IO if call.oob else MAIN)
        return tuple(item for thread in threads for item in self.c.owed[thread] if isinstance(item, str))

    def carry_out(self, call: Call) -> Return:
        """Execute a call whose refusals do not apply: take the step that its contract says, and do what it asks.

        Raises `Refused` where the contract refuses it after all, with its effects.
        """
        answer = outcome(self, call)
        self.carried_out = answer
        if answer.expect.is_error:
            refused = self.refusal(answer, call)
            self.answer_with(call, answer)
            self._act(answer.case, call, refused.text)
            raise Refused(answer.case, refused)
        self.answer_with(call, answer)
        self.screen = ""
        self._act(answer.case, call, "")
        return Return(content(self, call))

    def answer_with(self, call: Call, answer: Answer) -> None:
        """Take the step that an answer to a call is."""
        settled = answer if is_known(answer.state) else replace(answer, state=self.resolve(answer.state, call))
        for step in self._relation.answered(self.c, self.asking, call.request, settled, oob=call.oob):
            self.become(step.after)
            return

    def _act(self, case: Case, call: Call, text: str) -> None:
        act = EFFECTS.get(case.id) or EFFECTS.get(call.request.command)
        if act is not None:
            self.turn += 1
            act(self, call, text)

    def decides(self, case: Case, call: Call) -> bool:
        """Whether the modelled world lets a case happen that the specification leaves open."""
        if self.wishes and any(wish.startswith("case:") for wish in self.wishes):
            if f"case:{case.id}" in self.wishes:
                return True
            ways = possible(call.request, self.state, self.profile)
            if not case.final and any(f"case:{answer.case.id}" in self.wishes for answer in ways):
                # another is ordered
                return False
        decide = DECISIONS.get(case.id)
        return decide is None or decide(self, call)

    def refusal(self, answer: Answer, call: Call) -> Failure:
        """The error of an answer that is one, in the words of the host where it has a say."""
        words = answer.expect.words
        error_class = answer.expect.error_class or ErrorClass.GENERIC_ERROR
        if words is None:
            return Failure(UNDEFINED, error_class)
        listens = call.request.incoming is not None and answer.case.id.endswith(".uri")
        said = self.cannot_listen(call) if listens else ""
        if answer.case.id == "loadvm.refused":
            said = why_no_snapshot(self, call)
        reason = self.cannot_write(call) if "filename" in call.given() else ""
        return Failure(
            text_of(words, rule=answer.case.id, state=self.state, given=call.given(), said=said, reason=reason),
            error_class,
        )

    def resolve(self, state: int, call: Call) -> int:
        """`state` with what the answer to a call leaves open decided."""
        for name, variable in VARIABLES.items():
            if (state & variable.field).bit_count() > 1 and name != "session":
                state = assign(state, {name: effect(self, call, name, variable.of(state))})
        return state

    def cannot_listen(self, call: Call) -> str:
        """Why the address of a call cannot be listened on, empty if it can; asking listens, once a call."""
        if self._listened is None or self._listened[0] is not call:
            verdict = call.request.incoming
            address = address_of(call)
            if verdict is None or not verdict.may_pass:
                fault = refusals[0].text if verdict is not None and (refusals := verdict.refusals) else "no address"
            elif verdict.kind is UriKind.FD and descriptor_of(self, call) is None and verdict.refusals:
                fault = verdict.refusals[0].text
            else:
                fault = self.destination.listen(address, descriptor_of(self, call))
            self._listened = (call, fault)
        return self._listened[1]

    def cannot_write(self, call: Call) -> str:
        """Why the file that a call names cannot be written, empty if it can."""
        return self.host.cannot_write(str(call.given().get("filename", "")))
