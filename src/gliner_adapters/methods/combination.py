"""Combinations: several techniques at once, declared by their names.

    "lora+heads":   base parts ──► lora.parts() ──► heads.parts() ──► forward pass

Each member gets the parts that the members before it have made. Those that put a part of their own in place come
first, those that wrap what they are given come after them, and of these the outermost ones last; so the order of the
names does not matter. Two members that both put their own in the same place exclude each other.

Ingredients, learning rates and tensors keep the names that they have in the members. An option goes to the member that
has it; ``MEMBER.OPTION`` says which where several do. Labels are read in one way by all members.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, ClassVar

from pydantic import create_model, model_validator
from torch import Tensor, nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.base import Adapter, Options
from gliner_adapters.methods.search import Range
from gliner_adapters.model import Base, Parts

#: The fields of `Parts` that a technique can put its own in.
PLACES = ("text_encoder", "label_encoder", "span_head", "label_head")


class CombinationOptions(Options):
    """The options of each member in a group of its own; see :func:`combine`."""

    @model_validator(mode="before")
    @classmethod
    def _by_member(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Give each option to its member, and one label style to all."""
        kinds: dict[str, Any] = {n: f.annotation for n, f in cls.model_fields.items() if n not in Options.model_fields}
        strangers = [member for member in kinds if not isinstance(given.get(member, {}), dict)]
        if strangers:
            raise ConfigError(f"option {strangers[0]}: expected its options, as in {strangers[0]}.OPTION")
        groups = {member: dict(given.get(member, {})) for member in kinds}
        for key, value in given.items():
            if key in kinds or key in Options.model_fields:
                continue
            member, option = _owner(key, kinds)
            if option in groups[member]:
                raise ConfigError(f"option {option} of {member} is given twice")
            groups[member][option] = value
        style = _label_style(given.get("label_style"), groups, kinds)
        return {"label_style": style, **{member: {**group, "label_style": style} for member, group in groups.items()}}


def _owner(key: str, kinds: dict[str, type[Options]]) -> tuple[str, str]:
    """The member that an option is for, and its name there.

    Raises:
        ConfigError: no member has it, or several do.
    """
    member, dot, option = key.partition(".")
    if dot:
        if member not in kinds:
            raise ConfigError(f"option {key}: {member!r} is none of the combined techniques ({', '.join(kinds)})")
        return member, option
    owners = [name for name, kind in kinds.items() if key in kind.model_fields]
    if len(owners) != 1:
        told = "say which: " + ", ".join(f"{owner}.{key}" for owner in owners) if owners else "none has it"
        raise ConfigError(f"option {key} of the combined techniques {', '.join(kinds)}: {told}")
    return owners[0], key


def _label_style(given: str | None, groups: dict[str, dict[str, Any]], kinds: dict[str, type[Options]]) -> str:
    """How all members read labels: as is asked for, else as the one member does that has a way of its own.

    Raises:
        ConfigError: members contradict each other.
    """
    usual = Options.model_fields["label_style"].default
    asked = {member: group["label_style"] for member, group in groups.items() if "label_style" in group}
    own = {member: kind.model_fields["label_style"].default for member, kind in kinds.items()}
    wanted = asked or {member: style for member, style in own.items() if style != usual}
    styles = {*wanted.values()} if given is None else {given, *asked.values()}
    if len(styles) > 1:
        told = ", ".join(f"{member}.label_style={style}" for member, style in wanted.items())
        raise ConfigError(f"combined techniques read labels in one way, but: {told}; give one label_style")
    return styles.pop() if styles else usual


class Combination(Adapter):
    """Several techniques plugged in together. Made by :func:`combine`."""

    kinds: ClassVar[tuple[type[Adapter], ...]]

    def build(self, base: Base) -> None:
        """Build each member and see that they go together."""
        members = [kind(base, self.labels, getattr(self.options, kind.name)) for kind in self.kinds]
        self.members = nn.ModuleList(members)
        puts = {member.name: _own_parts(member, base.parts) for member in members}
        wraps = {member.name: _changed(member, base.parts) - puts[member.name] for member in members}
        self.chain = tuple(
            sorted(range(len(members)), key=lambda i: (bool(wraps[members[i].name]), members[i].outermost))
        )
        touched: dict[str, str] = {}
        for member in (members[i] for i in self.chain):
            for place in sorted(puts[member.name] & set(touched)):
                raise ConfigError(
                    f"method {self.name!r}: {touched[place]!r} and {member.name!r} both put their own {place} in place"
                )
            touched |= dict.fromkeys(puts[member.name] | wraps[member.name], member.name)
        self._gather_ingredients(members)
        self.parts(base.parts)  # members that wrap may refuse what they are given

    def _gather_ingredients(self, members: list[Adapter]) -> None:
        """An ingredient's name must tell whose it is; its learning rate is that of the member which trains it."""
        owners: dict[str, str] = {}
        self.learning_rates = {}
        for member in members:
            for ingredient in member.ingredients():
                if ingredient in owners:
                    raise ConfigError(
                        f"method {self.name!r}: {owners[ingredient]!r} and {member.name!r} both train a {ingredient}"
                    )
                owners[ingredient] = member.name
                self.learning_rates[ingredient] = member.learning_rates[ingredient]

    def _members(self) -> Iterator[Adapter]:
        """The members in the order in which they act."""
        for i in self.chain:
            member = self.members[i]
            assert isinstance(member, Adapter)
            yield member

    def parts(self, parts: Parts) -> Parts:
        """The members' parts, one after the other."""
        for member in self._members():
            parts = member.parts(parts)
        return parts

    def merged_parts(self, parts: Parts) -> Parts:
        """The members' merged parts, one after the other."""
        for member in self._members():
            parts = member.merged_parts(parts)
        return parts

    def read_alone(self, parts: Parts, base: Parts) -> Parts:
        """Each member's deltas, where no other member stands in between."""
        for member in self._members():
            parts = member.read_alone(parts, base)
        return parts

    @property
    def starts_as_base(self) -> bool:
        """Where all members do."""
        return all(member.starts_as_base for member in self._members())

    def rate_share(self, name: str) -> float:
        """As the member says that trains the parameter."""
        owner = next(member for member in self._members() if name in member.trained())
        return owner.rate_share(name)

    def fixed(self) -> dict[str, Tensor]:
        """The members' tensors."""
        return {name: tensor for member in self._members() for name, tensor in member.fixed().items()}

    def text_overhead(self) -> int:
        """What all members' prompts take."""
        return sum(member.text_overhead() for member in self._members())

    def peft_deltas(self) -> dict[str, tuple[dict[str, Any], dict[str, Tensor]]]:
        """The members' deltas."""
        return {part: deltas for member in self._members() for part, deltas in member.peft_deltas().items()}

    def _let_go(self, ingredients: Collection[str]) -> None:
        for member in self._members():
            member._let_go(ingredients)

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        """As if each member's modules were the combination's own, so that ingredients keep their names."""
        memo = set() if memo is None else memo
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for member in self.members:
            yield from member.named_modules(memo, prefix, remove_duplicate)


def _changed(member: Adapter, parts: Parts) -> set[str]:
    """The places where a member does not leave what it was given."""
    made = member.parts(parts)
    return {place for place in PLACES if getattr(made, place) is not getattr(parts, place)}


def _own_parts(member: Adapter, parts: Parts) -> set[str]:
    """The places where a member puts a module of its own, whatever it was given. What wraps is made anew each time."""
    made, own = member.parts(parts), {id(module) for module in member.modules()}
    return {place for place in _changed(member, parts) if id(getattr(made, place)) in own}


def _joined_space(kinds: Collection[type[Adapter]]) -> dict[str, Range]:
    """The members' search spaces; what is one for all members is searched once."""
    return {
        option if option in Options.model_fields else f"{kind.name}.{option}": tried
        for kind in kinds
        for option, tried in kind.search_space.items()
    }


@cache
def combine(kinds: tuple[type[Adapter], ...]) -> type[Adapter]:
    """The combination of several techniques; the same class each time.

    Args:
        kinds: the techniques. Their names joined by ``+``, in this order, are the combination's.

    Raises:
        ConfigError: one is given twice, or no base has them all in common.
    """
    names = [kind.name for kind in kinds]
    name = "+".join(names)
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        raise ConfigError(f"method {name!r} names {', '.join(twice)} twice")
    architectures = tuple(a for a in Adapter.architectures if all(a in kind.architectures for kind in kinds))
    if not architectures:
        told = ", ".join(f"{kind.name} on {' and '.join(kind.architectures)}-encoders" for kind in kinds)
        raise ConfigError(f"method {name!r} has no base to work on: {told}")
    groups: dict[str, Any] = {kind.name: (kind.options_type, ...) for kind in kinds}
    options = create_model(f"Options of {name}", __base__=CombinationOptions, **groups)
    content = {"kinds": kinds, "name": name, "architectures": architectures, "options_type": options}
    content["search_space"] = _joined_space(kinds)
    return type(name, (Combination,), {**content, "__doc__": f"{' and '.join(names)}."})
