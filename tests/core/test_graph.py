"""Tests of `core.graph`: objects to expressions and back."""

import dataclasses
import datetime
import decimal
import pickle

import twisted.spread.jelly
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from spreadlite import jelly, pb
from spreadlite.core import graph, wire
from spreadlite.core.errors import BananaError, InsecureJelly, UnregisteredTypeWarning
from spreadlite.core.limits import Limits
from spreadlite.core.policy import StrictSecurityOptions
from spreadlite.core.vocabulary import WORDS

SETTINGS = settings(max_examples=200, deadline=None, derandomize=True, database=None)


class Invoker:
    """As much of a broker as copies need."""

    serializingPerspective = None
    unserializingPerspective = None


class Node(pb.Copyable):
    """A copy that may hold itself."""


class RemoteNode(pb.RemoteCopy):
    """What stands for a `Node`."""


@dataclasses.dataclass(frozen=True)
class Frozen(pb.Copyable, pb.RemoteCopy):
    """A copy that cannot be assigned to."""

    number: int


class Slotted(pb.Copyable, pb.RemoteCopy):
    """A copy whose attributes are slots."""

    __slots__ = ("number", "unset")


class Tagged(pb.Copyable):
    """A copy that goes by a tag in text, and is made by a factory."""

    def getTypeToCopy(self):
        return "tests.core.test_graph tag"


def make(state):
    """The factory for `Tagged`."""
    made = RemoteNode()
    made.__dict__.update(state)
    return made


jelly.setUnjellyableForClass(Node, RemoteNode)
jelly.setUnjellyableForClass(Frozen, Frozen)
jelly.setUnjellyableForClass(Slotted, Slotted)
jelly.setUnjellyableFactoryForClass("tests.core.test_graph tag", make)


def there_and_back(value):
    """*value*, written and read."""
    return jelly.unjelly(jelly.jelly(value, invoker=Invoker()), jelly.globalSecurity, invoker=Invoker())


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**447), 2**447) | st.floats() | st.binary(max_size=20)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(["list", "None", "error", "version", b"list", b"message"])
    | st.datetimes().map(lambda value: value.replace(fold=0)) | st.dates() | st.timedeltas()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3).filter(lambda value: value != 0)
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
KEYS = st.integers() | TEXT | st.tuples(st.integers(), st.text("ab"))
GRAPHS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4)
    | st.lists(inner, max_size=4).map(tuple)
    | st.dictionaries(KEYS, inner, max_size=4)
    | st.sets(KEYS, max_size=1)
    | st.frozensets(KEYS, max_size=1)
    | inner.map(lambda shared: [shared, (shared,), {"again": shared}]),
    max_leaves=20,
)
SEXPS = st.recursive(
    st.sampled_from([b"list", b"tuple", b"dictionary", b"set", b"reference", b"dereference", b"unicode", b"decimal",
                     b"datetime", b"boolean", b"None", b"remote", b"local", b"cached", b"class", b"os.system", b"\xff"])
    | st.integers(-3, 3) | st.floats(),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


class PropertyTests(SynchronousTestCase):
    """What holds for any graph."""

    @SETTINGS
    @given(GRAPHS)
    def test_as_twisted(self, value):
        """The expression of a value is twisted.spread's, references in the same order included."""
        self.assertEqual(repr(twisted.spread.jelly.jelly(value)), repr(jelly.jelly(value)))

    @SETTINGS
    @given(GRAPHS)
    def test_round_trip(self, value):
        """A value arrives as it was."""
        self.assertEqual(repr(value), repr(there_and_back(value)))

    @SETTINGS
    @given(SEXPS)
    def test_any_expression(self, sexp):
        """Whatever a peer sends is read or refused by InsecureJelly; nothing else is raised."""
        try:
            jelly.unjelly(sexp, jelly.globalSecurity)
        except InsecureJelly:
            pass


class CycleTests(SynchronousTestCase):
    """Values that hold themselves."""

    def test_containers(self):
        """Cycles through lists, dictionaries and tuples close on the very object."""
        inner = ([], {})
        inner[0].append(inner)
        inner[1]["self"] = inner
        back = there_and_back(inner)
        self.assertIs(back, back[0][0])
        self.assertIs(back, back[1]["self"])

    def test_copies(self):
        """A copy that holds itself, by a class or by a factory, arrives whole."""
        for cls in (Node, Tagged):
            node = cls()
            node.me, node.list = node, [node]
            back = there_and_back(node)
            self.assertIs(back, back.me)
            self.assertIs(back, back.list[0])

    def test_keys(self):
        """A key of a dictionary may lead back to it."""
        node = Node()
        node.keys = {(node,): "value"}
        back = there_and_back(node)
        self.assertEqual([((back,), "value")], list(back.keys.items()))

    def test_nothing_internal(self):
        """References that lead nowhere, or to nothing but themselves, are refused; no placeholder gets out."""
        for sexp in (
            [b"list", [b"dereference", 9]],
            [b"reference", 1, [b"dereference", 1]],
            [b"reference", 1, [b"tuple", [b"dereference", 1]]],
            [b"tuple", [b"reference", 1, b"x"], [b"reference", 1, b"y"]],
        ):
            self.assertRaises(InsecureJelly, jelly.unjelly, sexp)


class ValueTests(SynchronousTestCase):
    """Values that twisted.spread loses."""

    def test_frozen_and_slots(self):
        """Frozen dataclasses and classes with slots arrive with their attributes."""
        self.assertEqual(Frozen(5), there_and_back(Frozen(5)))
        slotted = Slotted()
        slotted.number = 3
        back = there_and_back(slotted)
        self.assertEqual((3, False), (back.number, hasattr(back, "unset")))

    def test_fold(self):
        """fold arrives; twisted.spread reads the same value without it."""
        for value in (datetime.datetime(2020, 10, 25, 2, 30, fold=1), datetime.time(2, 30, fold=1)):
            self.assertEqual(1, there_and_back(value).fold)
            self.assertEqual(value, twisted.spread.jelly.unjelly(jelly.jelly(value)))

    def test_negative_zero(self):
        """The sign of a zero arrives; twisted.spread reads a zero of the same exponent."""
        value = decimal.Decimal("-0.00")
        self.assertEqual("-0.00", str(there_and_back(value)))
        self.assertEqual("0.00", str(twisted.spread.jelly.unjelly(jelly.jelly(value))))

    def test_refused_loudly(self):
        """What no form of the wire carries is refused at the sender."""
        for text in ("NaN", "sNaN", "Infinity", "-Infinity"):
            self.assertRaises(ValueError, jelly.jelly, decimal.Decimal(text))
        aware = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
        self.assertRaises(NotImplementedError, jelly.jelly, aware)

    def test_unregistered(self):
        """An unregistered type is sent as twisted.spread sends it, with one warning a type, or refused if so wished."""

        class Unknown:
            pass

        wanted = twisted.spread.jelly.jelly(Unknown(), twisted.spread.jelly.globalSecurity)
        self.assertEqual(wanted, jelly.jelly(Unknown(), jelly.globalSecurity))
        self.assertEqual(wanted, jelly.jelly(Unknown(), jelly.globalSecurity))
        self.assertEqual([UnregisteredTypeWarning], [warning["category"] for warning in self.flushWarnings()])
        self.assertRaises(InsecureJelly, jelly.jelly, Unknown(), StrictSecurityOptions(jelly.globalSecurity))

    def test_unpersistable_pickles(self):
        """What stands for an unsendable value can be pickled, although its class goes by another module's name."""
        self.assertEqual("why", pickle.loads(pickle.dumps(jelly.Unpersistable("why"))).reason)


class LimitTests(SynchronousTestCase):
    """Bounds of what is made."""

    def nested(self, depth):
        value = []
        for _ in range(depth - 1):
            value = [value]
        return value

    def test_depth(self):
        """Values may be nested as deep as the limit says, and not one deeper, in both directions."""
        limits = Limits(depth=7)
        sexp = jelly.jelly(self.nested(7), limits=limits)
        self.assertEqual(self.nested(7), jelly.unjelly(sexp, limits=limits))
        self.assertRaises(BananaError, jelly.jelly, self.nested(8), limits=limits)
        self.assertRaises(InsecureJelly, jelly.unjelly, jelly.jelly(self.nested(8)), limits=limits)

    def test_honest_depth(self):
        """330 levels, which twisted.spread can send, pass by default."""
        self.assertEqual(jelly.jelly(self.nested(330)), jelly.jelly(there_and_back(self.nested(330))))

    def test_collisions(self):
        """Keys that were chosen to collide are refused before they cost anything; honest ones are not."""
        honest = {number: 1 for number in range(5000)}
        self.assertEqual(honest, there_and_back(honest))
        chosen = jelly.jelly({number * (2**61 - 1): 1 for number in range(300)})
        self.assertRaises(InsecureJelly, jelly.unjelly, chosen)
        chosen = jelly.jelly({(number * (2**61 - 1),) for number in range(300)})
        self.assertRaises(InsecureJelly, jelly.unjelly, chosen)


class Shown(pb.Copyable, pb.RemoteCopy):
    """A copy with hooks of its own, which keep what they are shown, and put *extra* into the expression."""

    extra = 0

    def jellyFor(self, jellier):
        sexp = jellier.prepare(self)
        self.shown = [jellier.jelly(self.value), jellier.jelly({"k": None})]
        sexp += [b"tests.core.test_graph.Shown", *self.shown, self.extra]
        return jellier.preserve(self, sexp)

    def unjellyFor(self, unjellier, sexp):
        self.shown = sexp
        self.value = unjellier.unjelly(sexp[1])
        return self


jelly.setUnjellyableForClass(Shown, Shown)


class PackedTests(SynchronousTestCase):
    """`pack` and `unpack`: what brokers use where nobody but hooks is to see expressions."""

    def sent(self, value):
        """*value*, packed by one side and unpacked by the other."""
        decoder = wire.Decoder()
        decoder.shallow = True
        decoder.feed(wire.encode((b"answer", graph.pack(value, jelly.globalSecurity, Invoker())), WORDS))
        packed = decoder.next({number: word for word, number in WORDS.items()})[1]
        return graph.unpack(packed, jelly.globalSecurity, Invoker())

    def test_hooks(self):
        """An application's hooks are shown and hand over expressions, wherever they are in what is sent."""
        one, two = Shown(), Shown()
        one.value, two.value = ["é", "text", True, {"inner": two}], "x"
        expected = [b"list", [b"unicode", "é".encode()], [b"unicode", b"text"], [b"boolean", b"true"]]
        copied = self.sent({"one": one, "again": one})
        self.assertEqual(expected, one.shown[0][:4])
        self.assertEqual([b"dictionary", [[b"unicode", b"k"], [b"None"]]], one.shown[1])
        self.assertIs(copied["one"], copied["again"])
        read = copied["one"]
        self.assertEqual(expected, read.shown[1][:4])
        self.assertEqual([b"unicode", b"inner"], read.shown[1][4][1][0])
        self.assertIs(list, type(read.shown))
        self.assertEqual(["é", "text", True], read.value[:3])
        self.assertEqual("x", read.value[3]["inner"].value)
        self.assertEqual([b"unicode", b"x"], read.value[3]["inner"].shown[1])

    def test_not_ours(self):
        """What a hook makes is sent as it always was: what banana does not carry is refused, and a bool is a number."""
        for extra in (None, "text", True, [False], [["text"]]):
            results = []
            for make in (graph.jelly, graph.pack):
                shown = Shown()
                shown.value, shown.extra = "é", extra
                sexp = make([shown, "y"], jelly.globalSecurity, invoker=Invoker())
                try:
                    results.append(wire.encode((b"answer", sexp), WORDS))
                except BananaError as error:
                    results.append(str(error))
            self.assertEqual(results[0], results[1])
            self.assertEqual(extra in (True, [False]), isinstance(results[0], bytes), extra)

    def test_no_bytes(self):
        """A text that has no bytes is refused as it is packed, not later, when something was said already."""
        for value in (["\ud800"], {"\ud800": 1}, {"k": "\ud800"}, ("\ud800",)):
            self.assertRaises(UnicodeEncodeError, graph.pack, value, jelly.globalSecurity)

    def test_refused(self):
        """Where text is not allowed, it is not read, in whichever spelling it came; nor are dictionaries."""
        for tag in ("unicode", "None", "boolean", "dictionary"):
            taster = jelly.SecurityOptions()
            taster.allowBasicTypes()
            del taster.allowedTypes[tag.encode()]
            value = {"unicode": ["x"], "None": [None], "boolean": [True], "dictionary": [{"k": 1}]}[tag]
            for it in (value, value[0], tuple(value)):
                packed = graph.pack([it], jelly.globalSecurity)
                self.assertIs(wire.Packed, type(packed))
                error = self.assertRaises(InsecureJelly, graph.unpack, packed, taster)
                self.assertEqual((tag.encode(),), error.args)

    def test_text_is_no_tag(self):
        """A text at the head of a list is no tag, in whichever spelling it came."""
        for rest in ([], [1], [b"x"], ["x"]):
            for text in ("tuple", "dictionary", "list", "None"):
                packed = wire.Packed([b"list", [text, *rest]])
                for it in (packed, wire.Packed(packed[1])):
                    error = self.assertRaises(InsecureJelly, graph.unpack, it, jelly.globalSecurity)
                    self.assertIn("an expression without a tag: [[b'unicode', b'", str(error))
