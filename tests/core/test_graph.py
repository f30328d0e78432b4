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
from spreadlite.core import graph, weights, wire
from spreadlite.core.errors import BananaError, InsecureJelly, UnregisteredTypeWarning
from spreadlite.core.limits import Limits
from spreadlite.core.policy import StrictSecurityOptions
from spreadlite.core.registry import DEFAULT_REGISTRY, Registry
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


class TwistedNode(twisted.spread.jelly.Unjellyable):
    """The same where twisted.spread reads it."""


@dataclasses.dataclass(frozen=True)
class Frozen(pb.Copyable, pb.RemoteCopy):
    """A copy that cannot be assigned to."""

    number: int


class Slotted(pb.Copyable, pb.RemoteCopy):
    """A copy whose attributes are slots."""

    __slots__ = ("number", "unset")


class Hiding(pb.Copyable, pb.RemoteCopy):
    """A copy whose attribute is nobody else's."""

    __slots__ = ("__hidden",)

    def __init__(self, hidden):
        self.__hidden = hidden

    def found(self):
        """What it hides."""
        return self.__hidden


class Unsendable(jelly.Jellyable):
    """What says by itself that it is not sent."""

    def jellyFor(self, jellier):
        return jellier.unpersistable("it is no use there")


class TwistedUnsendable(twisted.spread.jelly.Jellyable):
    """The same for twisted.spread."""

    jellyFor = Unsendable.jellyFor


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
jelly.setUnjellyableForClass(Hiding, Hiding)
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


class Held:
    """An instance of no special kind."""

    attribute = 5

    def method(self):
        """It has a method."""


class Other:
    """An instance of another class."""


class Late(pb.RemoteCopy):
    """Gives in its place what is first in its expression."""

    def unjellyFor(self, unjellier, sexp):
        first = unjellier.unjelly(sexp[1])
        unjellier.unjelly(sexp[2])
        return first


class Stated(jelly.Unjellyable):
    """Keeps the types of what is in its state."""

    def setStateFor(self, unjellier, state):
        self.kinds = {name: type(value) for name, value in state.items()}


class Put(pb.RemoteCopy):
    """Has what is in its expression put into its attributes."""

    def unjellyFor(self, unjellier, sexp):
        unjellier.unjellyInto(self.__dict__, "put", sexp[1])
        return self


def only_state(state):
    """A factory that keeps the types of what is in the state."""
    made = Stated()
    made.kinds = {name: type(value) for name, value in state.items()}
    return made


for cls in (Late, Stated, Put):
    jelly.setUnjellyableForClass(cls, cls)
jelly.setUnjellyableFactoryForClass("tests.core.test_graph state", only_state)
#: Both codecs' ways from an expression to its object.
UNJELLIES = (jelly.unjelly, graph.unjelly)


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


    def test_hooks_see_no_places(self):
        """Neither a hook nor a factory is shown the place of a value that is still to come, however it is reached."""
        pairs = [b"dictionary", [[b"unicode", b"a"], [b"dereference", 9]]]
        for unjelly in UNJELLIES:
            read = unjelly(
                [b"list", [b"dereference", 9], [b"tests.core.test_graph.Stated", pairs], [b"reference", 9, [b"list"]]],
                jelly.globalSecurity,
            )
            self.assertEqual({"a": list}, read[1].kinds)
            late = [b"list", [b"reference", 1, [b"tuple", [b"dereference", 2]]], [b"reference", 2, b"x"],
                    [b"tests.core.test_graph.Late", [b"dereference", 1], 0]]  # fmt: skip
            self.assertEqual([(b"x",), b"x", (b"x",)], unjelly(late, jelly.globalSecurity))
            put = [b"list", [b"tests.core.test_graph.Put", [b"dereference", 3]], [b"reference", 3, [b"tuple", 1]]]
            self.assertEqual((1,), unjelly(put, jelly.globalSecurity)[0].put)
            # A factory needs its state at once.
            many = [b"dictionary", pairs[1], [[b"unicode", b"b"], [b"list", *range(2000)]]]
            for state in (pairs, many):
                sexp = [b"list", [b"dereference", 9], [b"tests.core.test_graph state", state], [b"reference", 9, b"x"]]
                self.assertRaises(InsecureJelly, unjelly, sexp, jelly.globalSecurity)

    def test_factories_beside_others(self):
        """What a factory makes may hold itself, also where other values are still to come."""
        state = [b"dictionary", [[b"unicode", b"me"], [b"list", [b"dereference", 1]]]]
        made = [b"reference", 1, [b"tests.core.test_graph tag", state]]
        for unjelly in UNJELLIES:
            read = unjelly([b"list", [b"dereference", 9], made, [b"reference", 9, b"x"]], jelly.globalSecurity)
            self.assertIs(read[1], read[1].me[0])
            self.assertEqual(b"x", read[0])

    def test_states_that_many_share(self):
        """A few bytes stand for a copy that has its state from another's; so much cannot be had for them."""
        state = [b"dictionary", *([[b"unicode", b"%d" % number], number] for number in range(1000))]
        for again in ([b"dereference", 1], [b"reference", 2, [b"reference", 3, [b"dereference", 1]]]):
            for unjelly in UNJELLIES:
                sexp = [b"list", [b"reference", 1, state], *([b"tests.core.test_graph.Node", again] for _ in range(200))]
                if again[0] == b"reference":
                    for number, copy in enumerate(sexp[2:]):
                        copy[1] = [b"reference", 1000 + number, [b"reference", 9000 + number, [b"dereference", 1]]]
                self.assertEqual(52, len(unjelly(sexp[:53], jelly.globalSecurity, invoker=Invoker())))
                self.assertRaises(InsecureJelly, unjelly, sexp, jelly.globalSecurity, invoker=Invoker())


class NameTests(SynchronousTestCase):
    """What a peer reaches by a name: nothing that was not allowed."""

    def setUp(self):
        self.options = jelly.SecurityOptions()
        self.options.allowBasicTypes()
        self.options.allowTypes("module", "class", "function", "method", "instance")

    def refused(self, *sexp):
        for unjelly in UNJELLIES:
            self.assertRaises(InsecureJelly, unjelly, list(sexp), self.options)

    def read(self, *sexp):
        one, two = (unjelly(list(sexp), self.options) for unjelly in UNJELLIES)
        self.assertEqual(one, two)
        return one

    def test_modules(self):
        """A module is reached if it is allowed by its name; others are not, not even imported."""
        self.refused(b"module", b"decimal")
        self.options.allowModules("decimal", "no_such_module")
        self.assertIs(decimal, self.read(b"module", b"decimal"))
        self.refused(b"module", b"os")
        self.refused(b"module", b"no_such_module")

    def test_classes(self):
        """A class is reached if both it and its module are allowed."""
        name = b"tests.core.test_graph.Held"
        self.refused(b"class", name)
        self.options.allowModules(__name__)
        self.refused(b"class", name)
        self.refused(name, [b"dictionary"])
        self.options.allowedClasses[Held] = 1
        self.assertIs(Held, self.read(b"class", name))
        self.assertIsInstance(graph.unjelly([name, [b"dictionary"]], self.options), Held)
        self.refused(b"class", b"tests.core.test_graph.make")
        self.options.allowedModules.clear()
        self.refused(b"class", name)
        self.refused(name, [b"dictionary"])

    def test_functions(self):
        """A function is reached if the module is allowed of which it is, and not by way of one that has imported it."""
        self.refused(b"function", b"tests.core.test_graph.make")
        self.options.allowModules(__name__)
        self.assertIs(make, self.read(b"function", b"tests.core.test_graph.make"))
        self.refused(b"function", b"tests.core.test_graph.given")
        self.refused(b"function", b"tests.core.test_graph.Held")
        for odd in (b"nonesuch", b".", b"make.", b"make.__globals__", b"", b"\xff"):
            self.refused(b"function", b"tests.core.test_graph." + odd)

    def test_methods(self):
        """A method is of a class, and of an instance of that."""
        self.options.allowInstancesOf(Held, Other)
        held, other = ([b"tests.core.test_graph." + name, [b"dictionary"]] for name in (b"Held", b"Other"))
        cls = [b"class", b"tests.core.test_graph.Held"]
        bound = jelly.unjelly([b"method", b"method", held, cls], self.options)
        self.assertIsInstance(bound.__self__, Held)
        self.assertIs(Held.method, self.read(b"method", b"method", [b"None"], cls))
        for owner, kind, name in (
            (other, cls, b"method"), (b"x", cls, b"method"), (held, 5, b"method"), (held, held, b"method"),
            (held, cls, b"attribute"), (held, cls, b"__init__"), (held, cls, b"nonesuch"),
        ):  # fmt: skip
            self.refused(b"method", name, owner, kind)

    def test_short_ways(self):
        """What is short, and read with less ado, is refused all the same where it is not allowed, or stands for
        something else."""
        bare = jelly.SecurityOptions()
        for unjelly in UNJELLIES:
            for sexp in ([b"tuple"], [b"dictionary"], [b"tuple", 1], [b"list", 1], [b"tuple", [b"unicode", b"x"]]):
                self.assertEqual((sexp[0],), self.assertRaises(InsecureJelly, unjelly, sexp, bare).args)
            self.assertRaises(InsecureJelly, unjelly, [b"list", [b"remote", 5]], self.options, None, Invoker())
            self.assertRaises(InsecureJelly, unjelly, [b"dictionary", [1, 2, 3]], self.options)
        for value in ({"k": 1}, {"k": "v"}, ("x",), (1,)):
            self.assertRaises(InsecureJelly, graph.unpack, graph.pack(value, bare), bare)
        registry = Registry()
        for tag in (b"tuple", b"dictionary", b"unicode", b"None", b"boolean"):
            registry.factories = {tag: lambda state: ("made", state)}
            registry.classes = {}
            self.assertRaises(InsecureJelly, graph.unjelly, [tag], self.options, registry=registry)
            value = {b"tuple": (1,), b"dictionary": {"k": 1}, b"unicode": "x", b"None": None, b"boolean": True}[tag]
            if tag in (b"tuple", b"unicode"):
                packed = graph.pack([value, 5], jelly.globalSecurity)
                read = graph.unpack(packed, self.options, registry=registry)
                self.assertEqual([("made", 1 if tag == b"tuple" else b"x"), 5], read)

    def test_tables_replaced(self):
        """A table that an application puts in the place of the module's is the one that is read, as twisted.spread's."""
        for module in (jelly, twisted.spread.jelly):
            self.patch(module, "unjellyableFactoryRegistry", {b"replaced factory": lambda state: ("made", state)})
            self.patch(module, "unjellyableRegistry", {b"replaced.class": lambda unjellier, sexp: ("read", sexp[1])})
            self.assertEqual(("made", 5), module.unjelly([b"replaced factory", 5]))
            self.assertEqual(("read", 6), module.unjelly([b"replaced.class", 6]))

    def test_own_references(self):
        """A class that is put in the place of that of references has its constructor called for each, also in lists."""
        made = []

        class Reference(pb.RemoteReference):
            def __init__(self, *args):
                made.append(args[2])
                super().__init__(*args)

            def __del__(self):
                pass

        before = DEFAULT_REGISTRY.classes[b"remote"]
        self.addCleanup(DEFAULT_REGISTRY.classes.__setitem__, b"remote", before)
        DEFAULT_REGISTRY.classes[b"remote"] = Reference
        for unjelly in UNJELLIES:
            made.clear()
            unjelly([b"list", [b"remote", 5], [b"remote", 6]], jelly.globalSecurity, None, Invoker())
            self.assertEqual([5, 6], made)


class ValueTests(SynchronousTestCase):
    """Values that twisted.spread loses."""

    def test_frozen_and_slots(self):
        """Frozen dataclasses and classes with slots arrive with their attributes."""
        self.assertEqual(Frozen(5), there_and_back(Frozen(5)))
        slotted = Slotted()
        slotted.number = 3
        back = there_and_back(slotted)
        self.assertEqual((3, False), (back.number, hasattr(back, "unset")))

    def test_private_slots(self):
        """So do attributes in slots of names that Python mangles, under the names by which other classes do not find
        them."""
        hiding = Hiding("it")
        self.assertEqual("it", there_and_back(hiding).found())
        self.assertEqual({"_Hiding__hidden": "it"}, hiding.getStateToCopy())

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

    def test_kept(self):
        """Whatever a persistent store gives for an instance is sent in its place, if it is not None."""

        class Kept:
            pass

        for kept in (b"", 0, b"key", []):
            expected = twisted.spread.jelly.jelly(Kept(), persistentStore=lambda instance, jellier: kept)  # noqa: B023
            for make in (jelly.jelly, graph.jelly):
                store = lambda instance, jellier: kept  # noqa: B023, E731
                sexp = make(Kept(), jelly.DummySecurityOptions(), persistentStore=store)
                self.assertEqual(([b"persistent", kept], expected), (sexp, expected))

    def test_few_numbers_and_a_sign(self):
        """A plus sign tells of a fold only where all numbers of a clock are there; else it is a number's, as ever."""
        for text in (b"2020 1 +1", b"2020 1 1 2 +30"):
            self.assertEqual(0, jelly.unjelly([b"datetime", text]).fold)
            self.assertEqual(0, graph.unjelly([b"datetime", text], jelly.globalSecurity).fold)
            self.assertEqual(jelly.unjelly([b"datetime", text]), twisted.spread.jelly.unjelly([b"datetime", text]))

    def test_states(self):
        """An instance is made of a dictionary, or of nothing; what can be no state of one is refused."""
        options = jelly.SecurityOptions()
        options.allowInstancesOf(Node)
        tag = b"tests.core.test_graph.Held"
        options.allowInstancesOf(Held)
        for unjelly in (jelly.unjelly, graph.unjelly):
            self.assertEqual({}, vars(unjelly([tag, [b"None"]], options)))
            self.assertEqual({"a": 1}, vars(unjelly([tag, jelly.jelly({"a": 1})], options)))
            for state in (1, b"a", [b"list"], [b"unicode", b"a"]):
                error = self.assertRaises(InsecureJelly, unjelly, [tag, state], options)
                self.assertIn("not the state of an instance of tests.core.test_graph.Held", str(error))

    def test_read_late(self):
        """A hook may give for its object a value that it read, also one which was known only after that."""
        for unjelly in (jelly.unjelly, graph.unjelly):
            sexp = [b"tests.core.test_graph.Late", [b"dereference", 7], [b"reference", 7, [b"list", 1]]]
            self.assertEqual([1], unjelly(sexp, jelly.globalSecurity))
            self.assertEqual([[1]], unjelly([b"list", sexp], jelly.globalSecurity))

    def test_not_shown(self):
        """An error names the class of an object of the application's, and shows nothing of what it holds: the peer may be
        told the error."""

        class Account:
            def __repr__(self):
                return "Account(password='secret')"

        for value in (Account(), [Account()], {"account": (Account(),)}):
            self.assertIn("Account>", graph.shortened(value))
            self.assertNotIn("secret", graph.shortened(value))

    def test_unpersistable_by_a_hook(self):
        """A hook may return what ``jellier.unpersistable`` makes of a reason, as with twisted.spread."""
        expected = [b"list", [b"unpersistable", b"it is no use there"]]
        self.assertEqual(expected, twisted.spread.jelly.jelly([TwistedUnsendable()]))
        self.assertEqual(expected, jelly.jelly([Unsendable()]))

    def test_tags_in_text(self):
        """A tag may be text in an expression that comes from no peer, as with twisted.spread; also that of a registered
        class."""
        node = "tests.core.test_graph.Node"
        twisted.spread.jelly.setUnjellyableForClass(node, TwistedNode)
        self.addCleanup(twisted.spread.jelly.unjellyableRegistry.pop, node.encode())
        for unjelly in (twisted.spread.jelly.unjelly, *UNJELLIES):
            self.assertEqual((1, [2]), unjelly(["tuple", 1, ["list", 2]], jelly.DummySecurityOptions()))
            made = unjelly([node, ["dictionary", ["a", 1]]], jelly.DummySecurityOptions())
            self.assertEqual({"a": 1}, vars(made))

    def test_no_such_value(self):
        """What has not the shape that its tag asks for is refused as such, whatever is wrong with it."""
        for unjelly in UNJELLIES:
            for sexp in (
                [b"unicode", b"\xff"], [b"unicode", 5], [b"unicode"], [b"decimal", 1, b"F"], [b"decimal", 1, 0.5],
                [b"decimal", 1, [b"unicode", b"F"]], [b"decimal", 1, "F"], [b"remote", 1],
            ):  # fmt: skip
                for each in (sexp, [b"list", sexp], [b"tuple", sexp], [b"reference", 1, sexp], [b"dictionary", [1, sexp]]):
                    self.assertRaises(InsecureJelly, unjelly, each, jelly.globalSecurity)

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

    def test_beside_one_another(self):
        """Of values within one another there may be so many, and of values beside one another any number."""
        limits = Limits(depth=7)
        for inner in ([], {}, set(), Node(), (1,), {"k": [1]}):
            value = [type(inner)(inner) if not isinstance(inner, Node) else Node() for _ in range(50)]
            sexp = jelly.jelly(value, invoker=Invoker(), limits=limits)
            self.assertEqual(sexp, graph.jelly(value, jelly.globalSecurity, invoker=Invoker(), depth=7))
            self.assertEqual(50, len(jelly.unjelly(sexp, limits=limits, invoker=Invoker())))
            self.assertEqual(50, len(graph.unjelly(sexp, jelly.globalSecurity, invoker=Invoker(), depth=7)))

    def test_large_numbers(self):
        """A date or time of which there is none is refused, also where its numbers are larger than Python's own."""
        for unjelly in UNJELLIES:
            for tag, text in (
                (b"date", b"99999999999999999999 1 1"), (b"timedelta", b"99999999999 0 0"), (b"time", b"1 %d" % 2**70),
                (b"datetime", b"2020 1 1 -99999999999999999999"), (b"date", b"2020 13 1"),
            ):  # fmt: skip
                self.assertRaises(InsecureJelly, unjelly, [tag, text], jelly.globalSecurity)

    def test_costs(self):
        """A few bytes stand for a value that refers to its own parts again and again: where it would be hashed, or may be
        by the application, it is refused before that takes long.  Honest objects may share as much as they like."""

        def doubled(times):
            return [
                [b"reference", 0, [b"tuple", 5]],
                *([b"reference", n, [b"tuple", *[[b"dereference", n - 1]] * 2]] for n in range(1, times)),
            ]

        chain = [[b"reference", 0, [b"tuple", 5]]]
        chain += [[b"reference", n, [b"tuple", [b"dereference", n - 1], 5]] for n in range(1, 500)]
        frozen, node = (
            [b"tests.core.test_graph." + name, [b"dictionary", [[b"unicode", b"number"], [b"dereference", 19]]]]
            for name in (b"Frozen", b"Node")
        )
        many = [b"tuple", *([b"dereference", 21] for _ in range(100))]
        for unjelly in UNJELLIES:
            for tail in (
                [[b"set", frozen]],
                [[b"dictionary", [frozen, 1]]],
                [[b"set", [b"dereference", 15]] for _ in range(30)],
                [[b"dictionary", [b"k", many]]], [[b"list", many]], [many],
                [[b"tests.core.test_graph.Node", [b"dictionary", [[b"unicode", b"a"], [b"dictionary", [b"k", many]]]]]],
            ):  # fmt: skip
                sexp = [b"list", *doubled(22), *tail]
                # Not with the function for an argument: to show what it returned would take for ever.
                with self.assertRaises(InsecureJelly):
                    unjelly(sexp, jelly.globalSecurity, None, Invoker())
            self.assertRaises(InsecureJelly, unjelly, [b"list", *chain], jelly.globalSecurity)
            unjelly([b"list", *chain[:390]], jelly.globalSecurity)
            honest = [b"list", *doubled(20), [b"set", *(node for _ in range(50))], [b"set", [b"dereference", 12]]]
            self.assertEqual(50, len(unjelly(honest, jelly.globalSecurity, None, Invoker())[-2]))

    def test_within(self):
        """What is held is counted with all that is in it, keys included."""
        for value, size in (({(1, 2, 3): 1}, 6), ([[], []], 3), ({"k": {1, 2}}, 5), (5, 1), ((1, (2, (3,))), 6)):
            self.assertEqual((True, False), (weights.within(value, size), weights.within(value, size - 1)))

    def test_kept_for_later(self):
        """However many keys and classes an application sends of, no more than some are kept for the next time."""
        jelly.jelly({f"key {number}": number for number in range(5000)})
        graph.jelly({f"key {number}": {f"{number}" * 100: 1} for number in range(5000)}, jelly.globalSecurity)
        self.assertLessEqual(len(graph._KEYS), 2000)
        self.assertLessEqual(max(map(len, graph._KEYS)), 64)
        self.patch(graph, "_MOST_WRITERS", len(graph.WRITERS) + 10)
        for number in range(100):
            cls = type(f"Node{number}", (Node,), {})
            sexp = graph.jelly([cls(), 5, "x"], jelly.globalSecurity, None, Invoker())
            self.assertEqual([5, [b"unicode", b"x"]], sexp[2:])
        self.assertLessEqual(len(graph.WRITERS), graph._MOST_WRITERS)

    def test_long_dates(self):
        """A date is refused by which a peer would have us read very long numbers."""
        for tag, text in ((b"date", b"2020 1 "), (b"datetime", b"2020 1 "), (b"timedelta", b"1 1 "), (b"time", b"1 ")):
            for unjelly in (jelly.unjelly, graph.unjelly):
                unjelly([tag, text + b"0" * (199 - len(text)) + b"1"], jelly.globalSecurity)
                sexp = [tag, text + b"0" * (200 - len(text)) + b"1"]
                self.assertRaises(InsecureJelly, unjelly, sexp, jelly.globalSecurity)

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
