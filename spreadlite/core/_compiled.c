/* The compiled twin of `wire` and `graph`, of what `tables` does for each object of many, and of what `pb` does with each of
 * many messages.
 *
 * The Python of those modules is the specification: what is done here is what it does, byte for byte, error for error.
 * Only what is frequent is here.  The rest (rare types, hooks of applications, cycles through things that cannot be made
 * empty, messages out of the ordinary) is done by their very functions; those of `graph` are called with a Jellier or
 * Unjellier that shares the memo of this file; and where a message has to be composed, the Python twin composes it.
 *
 * In the order of this file: the state of the module; output; tokens; packed lists; encode; Decoder; tables and the ends
 * of references; objects to expressions and to bytes (jelly, pack); expressions and bytes to objects (unjelly, unpack);
 * messages; the module.
 *
 * Three things hold everywhere.  Nothing is allocated by a length that a peer claims, but by the bytes that are there.
 * Every descent that a peer or an application can make deep is either a loop with a stack of its own, or asks Python
 * whether it may go on.  No reference that is borrowed is kept over a call of Python code.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <datetime.h>
#include <structmember.h>

/* Of the names in structmember.h, this is wanted, and these are ours. */
enum { MEMBER_OBJECT = T_OBJECT_EX };
#undef T_INT
#undef T_FLOAT
#undef T_OBJECT

#define LIST 0x80
#define INT 0x81
#define STRING 0x82
#define NEG 0x83
#define FLOAT 0x84
#define LONGINT 0x85
#define LONGNEG 0x86
#define VOCAB 0x87

/* As in graph: from MANY members on, hashes are counted. */
#define MANY 256
#define LARGEST_WORD 64
#define LONGEST_WORD 24
#define KEYS 512 /* a power of two */
#define LONGEST_KEY 32
#define METHODS 64
#define PLAIN_CALLEES 16
#define LATEST 128
#define UNBOUNDED PY_SSIZE_T_MAX
/* Lists within lists in what a hook returns, which may be in itself, at the most, however many a connection allows. */
#define DEEPEST 100000

typedef unsigned char byte;

/* The heads that are read here. */
enum {
    H_UNICODE, H_NONE, H_BOOLEAN, H_LIST, H_TUPLE, H_DICTIONARY, H_SET, H_FROZENSET, H_REFERENCE, H_DEREFERENCE, H_REMOTE,
    H_DATETIME, H_DATE, H_TIME, H_TIMEDELTA, HEADS
};

static const char *const head_names[HEADS] = {"unicode", "None",      "boolean",   "list",        "tuple",
                                              "dictionary", "set",    "frozenset", "reference",   "dereference",
                                              "remote",  "datetime",  "date",      "time",        "timedelta"};

/* What is asked of a transport before it is sent something: what makes it wait, and whether it is connected. */
enum { S_BUFFER, S_LATER, S_PRODUCER, S_CONNECTED, S_DISCONNECTING, S_SHUT, S_ABORTING, S_TLS, SENDING };

/* What receives the calls of a peer. */
enum { C_REMOTE, C_OBSERVE, C_PERSPECTIVE, RECEIVERS };

/* Everything that is looked up by name once: in Python modules, or to be a name itself. */
#define FROM_ERRORS(X) X(BananaError) X(UnknownElement) X(UnknownWord) X(InsecureJelly) X(NoSuchMethod)
#define FROM_WIRE(X) X(NEED_DATA) X(encode) X(encode_int) X(_figure)
#define FROM_GRAPH(X)                                                                                                  \
    X(Jellier) X(Unjellier) X(Pending) X(WRITERS) X(find_writer) X(write_jellyable) X(LEAF_WRITERS) X(READERS)         \
    X(STOCK) X(jelly) X(read) X(read_registered) X(read_instance) X(read_reference) X(read_dereference)                \
    X(read_boolean) X(read_unicode) X(finish_list) X(finish_set) X(finish_tuple) X(finish_frozenset)                   \
    X(finish_dictionary) X(shortened) X(leaves) X(_whole)
/* For references: the names of what is read and set, and what tables, pb and its parts put into graph.STOCK. */
#define REFERENCE_NAMES(X)                                                                                             \
    X(object) X(perspective) X(puid) X(refcount) X(locals) X(ids) X(luid) X(broker) X(doRefCount)                      \
    X(disconnectCallbacks) X(_chunks) X(_size) X(gathering) X(answers) X(replied) X(spared) X(heard) X(write)          \
    X(write_parts) X(sendDecRef) X(_say) X(_stock) X(_deaf) X(currentDialect) X(prefixLimit) X(_output) X(_receiving)  \
    X(_symbols) X(outgoingVocabulary) X(threadable) X(ioThread) X(banana) X(SIZE_LIMIT) X(_GATHERED) X(release)        \
    X(hold) X(made) X(processUniqueID) X(newLocalID) X(_exports) X(limits) X(_registrations) X(currentLocalID)         \
    X(MAX_BROKER_REFS) X(_first) X(_passing) X(gather) X(flush) X(drop) X(_give)
#define REFERENCE_STOCK(X)                                                                                             \
    X(local) X(local_table) X(table_release) X(table_hold) X(registrations) X(unique_id) X(register_reference)         \
    X(new_local_id) X(reference_init) X(reference_callbacks) X(output) X(output_write) X(output_write_parts)           \
    X(send_decref) X(say) X(output_gather) X(output_flush) X(output_drop) X(output_give) X(output_heard)
#define NAMES(X)                                                                                                       \
    X(jellyFor) X(getTypeToCopyFor) X(getTypeToCopy) X(getStateToCopyFor) X(getStateToCopy) X(serializingPerspective)  \
    X(unserializingPerspective) X(registerReference) X(isTypeAllowed) X(allowedTypes) X(classes) X(factories)          \
    X(postUnjelly) X(unjellyFor) X(setCopyableState) X(finish) X(announce) X(room) X(references) X(pending)            \
    X(finished) X(when_whole) X(scale) X(plain) X(preserved) X(cooked) X(cooker) X(met_again) X(get)                   \
    X(expression_bytes) X(expression_depth) X(__dict__) X(__init__) X(__class__) X(__getattribute__) X(security)       \
    X(_PREFIX_LIMIT) X(depth) X(outstanding_calls) X(transport) X(_pass_on) X(_answering) X(_parting) X(_unsent)       \
    X(_justReleased) X(locallyCachedObjects) X(_halfMade) X(_raised) X(_localCleanup) X(_cleanUp) X(_returned)         \
    X(_pack) X(_packRest) X(_promised) X(_takeBack) X(_unread) X(_unasked) X(_unsaid) X(proto_decref)                 \
    X(disconnected) X(remoteMessageReceived) X(waitingForAnswers) X(callback) X(currentRequestID)                      \
    X(incomingVocabulary)                                                                                              \
    X(localObjectForID) X(_returnedObjectForID) X(called) X(paused) X(_runningCallbacks) X(result)                     \
    X(cachedLocallyAs) X(_recvMessage) X(_answered)
/* What a reading looks at: the broker's, the inflow's, the transport's, and what _flow, _seams and _transports put into
   graph.STOCK. */
#define READING_NAMES(X)                                                                                               \
    X(on) X(_version) X(_remembers) X(_attributesSeen) X(_work) X(_inflow) X(_decoder) X(_reactor) X(_rest)            \
    X(_backlog) X(_call) X(_limits) X(_paused) X(_transport) X(_wait) X(lost) X(stop) X(received) X(work) X(_over)     \
    X(_done) X(_busy) X(slice_seconds) X(unread_output) X(time) X(monotonic) X(Banana) X(is_plain) X(dataBuffer)       \
    X(_tempDataBuffer) X(producer) X(connected) X(disconnecting) X(_writeDisconnected) X(_aborting) X(TLS) X(socket)   \
    X(writeSomeData) X(send)                                                                                           \
    X(seams) X(seams_on) X(broker_work) X(inflow) X(inflow_received) X(inflow_work) X(inflow_over) X(inflow_done)      \
    X(sends_itself) X(socket_type) X(_sendMessage) X(send_message) X(Deferred)
/* What flavors puts into graph.STOCK. */
#define STOCK_NAMES(X)                                                                                                 \
    X(copyable_jelly) X(copyable_type_for) X(copyable_type) X(copyable_state_for) X(copyable_state)                    \
    X(referenceable_jelly) X(copy_unjelly) X(copy_set_state) X(reference_unjelly) X(slot_names) X(method_names)        \
    X(reference_jelly) X(unjelly_local) X(returned_object) X(local_object)                                             \
    X(remote_receive) X(observe_receive) X(perspective_receive) X(arguments_of) X(note_arguments) X(deferred)          \
    X(of_coroutine) X(failure)

/* Attributes of a broker's own. */
#define OWN_NAMES(X)                                                                                                   \
    X(_answered) X(_answering) X(_deaf) X(_decoder) X(_exports) X(_halfMade) X(_inflow) X(_justReleased)               \
    X(_localCleanup) X(_output) X(_parting) X(_reactor) X(_receiving) X(_recvMessage) X(_symbols) X(_unsent)           \
    X(_work) X(cachedLocallyAs) X(currentDialect) X(currentRequestID) X(disconnected) X(incomingVocabulary)            \
    X(limits) X(localObjectForID) X(locallyCachedObjects) X(outgoingVocabulary) X(prefixLimit) X(proto_decref)         \
    X(security) X(transport) X(waitingForAnswers) X(_stock) X(_sendMessage) X(unserializingPerspective)
#define X(name) O_##name,
enum { OWN_NAMES(X) OWNS };
#undef X

/* What was found in the attributes of the broker that was looked at last; borrowed from them. */
typedef struct {
    uint64_t version;
    uint64_t known; /* a bit for each that was looked for */
    PyObject *values[OWNS];
} Seen;

/* Two attributes that an object was asked for last, for as long as versions are the same: of its class, and of its own
   dictionary. */
typedef struct {
    unsigned int class_version;
    uint64_t own_version;
    PyObject *values[2];
} Asked;

/* A class of ours that has slots: where they are, for as long as the class is as it was made. */
typedef struct {
    unsigned int version;
    Py_ssize_t at[10];
} Slotted;

/* A transport of which is known, for as long as the versions are these, that it may be given something at once if nothing waits
   in `later`; its attributes have what is borrowed. */
typedef struct {
    uint64_t own, flow; /* of its attributes, and of where is_plain is found */
    unsigned int type;
    PyObject *later, *socket;
} Sending;

/* An id of a call, and the number that it is in the table of those that wait: they are found sooner by that. */
typedef struct {
    uint64_t id;
    PyObject *number;
} Number;

/* What a peer called last, in its bytes, and what it is in the table, borrowed; for as long as that has its version. */
typedef struct {
    uint64_t version;
    byte key[32];
    size_t length;
    PyObject *local;
} Called;

/* How a broker tells the peer that a reference is gone, with what has been made sure of by versions of dictionaries. */
typedef struct {
    unsigned int reference, broker; /* versions of the classes */
    uint64_t own, module, flow, limits, threads;
    PyObject *output, *words; /* borrowed from the broker, whose dictionary is as it was */
    PyObject *module_of, *threads_of, *flow_of, *limits_of;
    long long most;
    unsigned long thread; /* the reactor's */
    int answers;
} Way;

typedef struct {
#define X(name) PyObject *name;
    FROM_ERRORS(X) FROM_WIRE(X)
#undef X
#define X(name) PyObject *g_##name;
    FROM_GRAPH(X)
#undef X
#define X(name) PyObject *s_##name;
    NAMES(X) STOCK_NAMES(X) REFERENCE_NAMES(X) REFERENCE_STOCK(X) READING_NAMES(X)
#undef X
    PyObject *stock_asks, *dummy_asks; /* isTypeAllowed of SecurityOptions and of DummySecurityOptions */
    PyObject *qual, *partial;
    PyObject *default_registry, *default_depth, *default_size, *default_prefix, *default_nesting, *default_limits;
    PyObject *WORDS, *NUMBERS;
    PyObject *no_args;
    PyTypeObject *Packed, *Decoder, *Place, *Method, *Tally, *Decimal;
    long long item_cost, list_cost, word_cost, expression_bytes, beside_string;
    /* The vocabulary: a word by its number, the numbers as objects, and which first letters occur at a length. */
    PyObject *word[LARGEST_WORD], *number[LARGEST_WORD];
    Py_ssize_t words;
    uint32_t letters[LONGEST_WORD];
    byte same_length[LARGEST_WORD], first_of_length[LONGEST_WORD]; /* the next word of a length, and the first; else 0 */
    int head_of_word[LARGEST_WORD];
    PyObject *head[HEADS];
    PyObject *true_word, *false_word;
    PyObject *moments_of; /* what keeps the next; both NULL where datetime is in Python, as in some interpreters */
    PyDateTime_CAPI *moments;
    /* The bytes of what is written often. */
    PyObject *w_none, *w_true, *w_false, *w_unicode, *w_reference, *w_dereference, *w_remote, *w_remote_head, *w_local_head,
        *w_decref;
    PyObject *w_head[HEADS];
    uint64_t text_head[2]; /* how a text begins, see is_text */
    Py_ssize_t last_packed, last_encoded, last_said; /* bytes, see out_foresee */
    /* What was found out last, for as long as the version of what it is about is the same: versions are used once. */
    uint64_t stock_version[2];
    unsigned int taster_version;
    int taster_kind;
    uint64_t taster_own_version; /* of the dictionary of a taster that had no isTypeAllowed of its own */
    Asked registry_asked, taster_asked;
    /* The same of the dictionaries that say what may be read, with what was answered about the heads. */
    uint64_t answer_version[3];
    char answer[HEADS];
    Slotted local, table, registrations, output, inflow, seams;
    Way way;
    Seen seen;
    Called called;
    Sending sending;
    Number numbers[LATEST]; /* of the latest calls, by their id */
    /* What _flow's _busy is, borrowed, as long as the module is as it was. */
    uint64_t busy_version;
    PyObject *busy;
    unsigned int registering_version; /* of a class of brokers that registers references as Broker does */
    /* Short texts that were keys of dictionaries lately: they come again, and then have their hash. */
    PyObject *keys[KEYS];
    /* For messages: the words that begin them, names of methods that were called lately, what receives calls. */
    int n_message, n_answer, n_decref, n_cachemessage;
    PyObject *methods[METHODS];
    PyObject *receiver[RECEIVERS], *arguments_of, *note_arguments, *deferred, *of_coroutine, *failure, *Questions,
        *w_no_keywords;
    /* The limits that were used last, with what they say. */
    PyObject *desk_limits, *desk_depth, *desk_prefix, *desk_size;
    long long desk_most_prefix, desk_most_size;
    long long desk_calls, desk_nesting, desk_unread, desk_bytes;
    double desk_slice;
    /* The version of a dictionary that names sizes, and what it names so, borrowed. */
    uint64_t names_version;
    PyObject *names_size;
    /* The same of one that names what is made for an answer. */
    uint64_t deferreds_version;
    PyObject *made_for_answers;
    /* The version of the attributes of a broker of which all of this is true, and its taster, borrowed from them. */
    uint64_t desk_version;
    PyObject *desk_security;
    PyObject *clock; /* time.monotonic, as it was made */
    /* Versions of the classes of brokers that read, and call, as Broker does, and of that of transports that sends as Twisted's
       do, with what that has for those of its attributes that an instance has not. */
    unsigned int reading_version, sending_version, calling_version, perspective_version;
    signed char sending_default[SENDING];
    PyObject *socket_type;
    /* Classes of what a peer calls of which it is known that looking at them has no effects. */
    unsigned int plain_callee[PLAIN_CALLEES];
    /* The class of references that are given back as RemoteReference is, that of brokers that find what comes back as Broker
       does, and classes of what came back of which it is known that nothing is called as it does. */
    unsigned int returning_version, finding_version, quiet[PLAIN_CALLEES];
    /* The words that a class of brokers was found to send as numbers. */
    unsigned int speaking_version;
    PyObject *speaking;
    /* Bytes that nobody else has, in which the next message is written. */
    PyObject *scratch;
} State;

static inline State *state_of(PyObject *module) { return (State *)PyModule_GetState(module); }

static inline State *state_of_type(PyTypeObject *type) { return (State *)PyType_GetModuleState(type); }

/* A bound, which may be any number: the largest integer not above it (or, with `up`, the smallest not below). */
static int bound_of(PyObject *value, int up, long long *result) {
    if (PyLong_Check(value)) {
        int overflow;
        *result = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow) *result = overflow > 0 ? LLONG_MAX : LLONG_MIN;
        return *result == -1 && PyErr_Occurred() ? -1 : 0;
    }
    double number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred()) return -1;
    number = up ? ceil(number) : floor(number);
    *result = number >= 9e18 ? LLONG_MAX : number <= -9e18 ? LLONG_MIN : (long long)number;
    return 0;
}

/* Which no other dictionary has, nor had this one with other contents; 0 where that is not told. */
static inline uint64_t dictionary_version(PyObject *dictionary) {
#if PY_VERSION_HEX < 0x030C0000
    return ((PyDictObject *)dictionary)->ma_version_tag;
#else
    return (void)dictionary, 0;
#endif
}

/* Takes out of a dictionary what it has under a key.  NULL, perhaps with an error, where there is none. */
static PyObject *take_from(PyObject *dictionary, PyObject *key) {
    PyObject *value;
#if PY_VERSION_HEX >= 0x030D0000
    if (PyDict_Pop(dictionary, key, &value) <= 0) return NULL;
#else
    if (!(value = _PyDict_Pop(dictionary, key, NULL)) && PyErr_ExceptionMatches(PyExc_KeyError)) PyErr_Clear();
#endif
    return value;
}

/* 0: an attribute, as PyObject_GetAttr gives it; 1: the function that is the object's method, which is to be called with the
   object first, so that nothing need be made to bind them; -1: an error. */
static int find_method(PyObject *object, PyObject *name, PyObject **found) {
#if PY_VERSION_HEX < 0x030D0000
    int apart = _PyObject_GetMethod(object, name, found);
#else
    int apart = 0;
    *found = PyObject_GetAttr(object, name);
#endif
    return *found ? apart : -1;
}

/* An object's two attributes, or its one, as new references; looked up only if they may be others than the last time. */
static int ask(Asked *asked, PyObject *object, PyObject *first, PyObject *second, PyObject **values) {
    PyObject *names[2] = {first, second};
    PyObject *own = NULL;
    int count = second ? 2 : 1, failed = 0;
#if PY_VERSION_HEX < 0x030C0000
    PyTypeObject *type = Py_TYPE(object);
    if (type->tp_getattro == PyObject_GenericGetAttr && type->tp_dictoffset) {
        own = PyObject_GenericGetDict(object, NULL);
        if (!own || !PyDict_CheckExact(own)) {
            PyErr_Clear();
            Py_CLEAR(own);
        }
    }
    if (own && type->tp_version_tag && type->tp_version_tag == asked->class_version &&
        ((PyDictObject *)own)->ma_version_tag == asked->own_version) {
        Py_DECREF(own);
        for (int i = 0; i < count; i++) values[i] = Py_NewRef(asked->values[i]);
        return 0;
    }
#endif
    for (int i = 0; i < 2; i++) values[i] = NULL;
    for (int i = 0; i < count && !failed; i++) failed = !(values[i] = PyObject_GetAttr(object, names[i]));
#if PY_VERSION_HEX < 0x030C0000
    /* They last if they are its own, and its class cannot have its say. */
    int lasts = own && !failed;
    for (int i = 0; i < count && lasts; i++) {
        PyObject *others = PyObject_GetAttr((PyObject *)type, names[i]);
        lasts = !others && PyErr_ExceptionMatches(PyExc_AttributeError) &&
                PyDict_GetItemWithError(own, names[i]) == values[i];
        Py_XDECREF(others);
        PyErr_Clear();
    }
    if (lasts && type->tp_version_tag) {
        /* All of it before the others go, for that may call code which asks in its turn. */
        PyObject *before[2] = {NULL, NULL};
        for (int i = 0; i < count; i++) {
            before[i] = asked->values[i];
            asked->values[i] = Py_NewRef(values[i]);
        }
        asked->class_version = type->tp_version_tag;
        asked->own_version = ((PyDictObject *)own)->ma_version_tag;
        for (int i = 0; i < count; i++) Py_XDECREF(before[i]);
    }
#else
    (void)asked;
#endif
    Py_XDECREF(own);
    if (!failed) return 0;
    for (int i = 0; i < count; i++) Py_CLEAR(values[i]);
    return -1;
}

/* Positional and keyword arguments into `out`, of which the first `least` must be given.  The rest stay NULL. */
static int take_args(const char *function, const char *const *names, PyObject *const *args, Py_ssize_t count,
                     PyObject *keywords, Py_ssize_t least, Py_ssize_t most, PyObject **out) {
    if (count > most) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %zd arguments (%zd given)", function, most, count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < most; i++) out[i] = i < count ? args[i] : NULL;
    Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    for (Py_ssize_t k = 0; k < named; k++) {
        PyObject *name = PyTuple_GET_ITEM(keywords, k);
        Py_ssize_t i = 0;
        while (i < most && PyUnicode_CompareWithASCIIString(name, names[i])) i++;
        if (i == most || out[i]) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected argument %R", function, name);
            return -1;
        }
        out[i] = args[count + k];
    }
    for (Py_ssize_t i = 0; i < least; i++)
        if (!out[i]) {
            PyErr_Format(PyExc_TypeError, "%s() misses its argument '%s'", function, names[i]);
            return -1;
        }
    return 0;
}

/* Everything that is made here lives until the end, so a collection in the middle looks through it all and finds nothing,
   again and again.  Before 3.12, collections come with allocations; they are put off then, but never while code runs that
   is not ours.  (From 3.12 on, they wait for that anyway.) */
#if PY_VERSION_HEX < 0x030C0000
static inline int pause_gc(void) { return PyGC_Disable(); }

static inline void resume_gc(int was_on) {
    if (was_on) PyGC_Enable();
}
#else
static inline int pause_gc(void) { return 0; }

static inline void resume_gc(int Py_UNUSED(was_on)) {}
#endif

/* A RecursionError becomes what the Python twin makes of it. */
static void tell_recursion(PyObject *cls, const char *format) {
    if (!PyErr_ExceptionMatches(PyExc_RecursionError)) return;
    PyObject *type, *error, *trace, *cause = NULL;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace && error) PyException_SetTraceback(error, trace);
    cause = error;
    PyErr_Format(cls, format, cause);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    if (PyErr_ExceptionMatches(cls)) {
        PyErr_Fetch(&type, &error, &trace);
        PyErr_NormalizeException(&type, &error, &trace);
        if (error && cause) {
            PyException_SetContext(error, Py_NewRef(cause));
            PyException_SetCause(error, Py_NewRef(cause));
        }
        PyErr_Restore(type, error, trace);
    }
    Py_XDECREF(cause);
}

/* ---- Output: a bytes object that grows, so that it need not be copied when it is done. ---- */

/* Bytes beyond which copying them costs more than the objects around them: of a buffer, and of a string; see
   `wire.LARGE` for the latter. */
#define LARGE (1 << 16)
#define LARGE_STRING (1 << 14)

typedef struct {
    PyObject *bytes;
    byte *data;
    Py_ssize_t length, room;
} Out;

static int out_start(Out *out, Py_ssize_t room) {
    out->bytes = PyBytes_FromStringAndSize(NULL, room);
    if (!out->bytes) return -1;
    out->data = (byte *)PyBytes_AS_STRING(out->bytes);
    out->length = 0;
    out->room = room;
    return 0;
}

/* The most that is set aside for what may be as long as what was written last. */
#define MOST_FORESEEN (96 << 10)

/* Starts with room for as much as was written last, so that what is large need not grow in steps. */
static int out_foresee(Out *out, Py_ssize_t last) { return out_start(out, last + 64); }

/* So much was written: after something large, what is foreseen gets less by and by. */
static void foresee(Py_ssize_t *last, Py_ssize_t length) {
    if (length > MOST_FORESEEN) length = MOST_FORESEEN;
    *last = length < *last / 2 ? *last / 2 : length;
}

static int out_grow(Out *out, Py_ssize_t more) {
    if (more > PY_SSIZE_T_MAX / 2 - out->length) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t room = out->length + more;
    /* What is large is most of the message, so that little follows. */
    room += (more > LARGE ? 0 : room / 2) + 64;
    if (_PyBytes_Resize(&out->bytes, room)) {
        out->data = NULL;
        out->length = out->room = 0;
        return -1;
    }
    out->data = (byte *)PyBytes_AS_STRING(out->bytes);
    out->room = room;
    return 0;
}

static inline int out_room(Out *out, Py_ssize_t more) {
    return out->room - out->length >= more ? 0 : out_grow(out, more);
}

static inline int out_add(Out *out, const void *data, Py_ssize_t length) {
    if (out_room(out, length)) return -1;
    memcpy(out->data + out->length, data, (size_t)length);
    out->length += length;
    return 0;
}

static inline int out_bytes(Out *out, PyObject *bytes) {
    return out_add(out, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
}

static PyObject *out_done(Out *out) {
    PyObject *bytes = out->bytes;
    out->bytes = NULL;
    if (out->length != out->room && _PyBytes_Resize(&bytes, out->length)) return NULL;
    return bytes;
}

/* Bytes of what is written in a buffer that is kept for the next, and copied. */
#define SHORT 1024

/* As out_foresee; what is likely to be short is written where the one before it was. */
static inline int out_begin(State *st, Out *out, Py_ssize_t last) {
    if (last + 64 > SHORT) return out_foresee(out, last);
    PyObject *scratch = st->scratch;
    if (!scratch) return out_start(out, SHORT);
    st->scratch = NULL;
    *out = (Out){scratch, (byte *)PyBytes_AS_STRING(scratch), 0, SHORT};
    return 0;
}

/* The buffer is of no more use here. */
static inline void out_end(State *st, Out *out) {
    if (!st->scratch && out->bytes && out->room == SHORT)
        st->scratch = out->bytes;
    else
        Py_XDECREF(out->bytes);
    out->bytes = NULL;
}

/* What was written, as bytes; it is at an end then. */
static inline PyObject *out_whole(State *st, Out *out) {
    if (out->room != SHORT) return out_done(out);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)out->data, out->length);
    out_end(st, out);
    return bytes;
}

static inline int out_head(Out *out, uint64_t number, byte kind) {
    if (out_room(out, 12)) return -1;
    byte *at = out->data + out->length;
    do {
        *at++ = number & 0x7F;
        number >>= 7;
    } while (number);
    *at++ = kind;
    out->length = at - out->data;
    return 0;
}

static inline int head_length(uint64_t number) {
    int length = 1;
    do length++;
    while (number >>= 7);
    return length;
}

/* The number of a word of the vocabulary; 0 for what is none. */
static inline int word_number(State *st, const char *data, Py_ssize_t length) {
    if (length >= LONGEST_WORD || length == 0 || !(st->letters[length] & (1u << (data[0] & 31)))) return 0;
    for (int i = st->first_of_length[length]; i; i = st->same_length[i]) {
        const char *word = PyBytes_AS_STRING(st->word[i]);
        if (word[0] == data[0] && !memcmp(word, data, (size_t)length)) return i;
    }
    return 0;
}

static inline int out_float(Out *out, double number) {
    uint64_t bits;
    if (out_room(out, 9)) return -1;
    memcpy(&bits, &number, 8);
    byte *at = out->data + out->length;
    *at++ = FLOAT;
    for (int i = 0; i < 8; i++) at[i] = (byte)(bits >> (56 - 8 * i));
    out->length += 9;
    return 0;
}

/* As PyLong_AsLongLongAndOverflow, of an int. */
static inline long long small_int(PyObject *number, int *overflow) {
    *overflow = 0;
#if PY_VERSION_HEX >= 0x030C0000
    if (PyUnstable_Long_IsCompact((PyLongObject *)number)) return PyUnstable_Long_CompactValue((PyLongObject *)number);
#else
    Py_ssize_t size = Py_SIZE(number);
    if (size >= -1 && size <= 1) return size ? size * (long long)((PyLongObject *)number)->ob_digit[0] : 0;
#endif
    return PyLong_AsLongLongAndOverflow(number, overflow);
}

/* An exact int or a bool. */
static int out_int(State *st, Out *out, PyObject *number, long long prefix_limit) {
    int overflow;
    long long value = small_int(number, &overflow);
    if (value == -1 && !overflow && PyErr_Occurred()) return -1;
    if (!overflow && value >= 0 && value < 1024) return out_head(out, (uint64_t)value, INT);
    /* Nine bytes of seven bits hold every value below; fewer are for the twin to count. */
    if (!overflow && prefix_limit >= 10) {
        if (value >= 0) return out_head(out, (uint64_t)value, value <= 0x7FFFFFFFLL ? INT : LONGINT);
        return out_head(out, 0 - (uint64_t)value, value < -0x80000000LL ? LONGNEG : NEG);
    }
    PyObject *limit = PyLong_FromLongLong(prefix_limit);
    if (!limit) return -1;
    PyObject *bytes = PyObject_CallFunctionObjArgs(st->encode_int, number, limit, NULL);
    Py_DECREF(limit);
    if (!bytes) return -1;
    int result = -1;
    if (PyBytes_Check(bytes)) result = out_bytes(out, bytes);
    Py_DECREF(bytes);
    return result;
}

/* ---- Tokens. ---- */

/* A text is `[unicode x]`: these are the bytes before x, and the first and the last eight of them. */
#define TEXT_HEAD 11
#define UNICODE 7 /* bytes of the word in it */

static inline int is_text(const State *st, const byte *at) {
    uint64_t head[2];
    memcpy(&head[0], at, 8);
    memcpy(&head[1], at + TEXT_HEAD - 8, 8);
    return head[0] == st->text_head[0] && head[1] == st->text_head[1];
}

/* A number before a type byte; `large` if it has more than nine digits. */
typedef struct {
    uint64_t number;
    Py_ssize_t length;
    int large;
} Prefix;

/* As scan, for prefixes of any length. */
static int scan_long(const byte *at, const byte *end, long long prefix_limit, Prefix *prefix) {
    *prefix = (Prefix){0};
    for (Py_ssize_t i = 0; at + i < end; i++) {
        byte digit = at[i];
        if (digit >= 0x80) {
            prefix->length = i;
            return digit;
        }
        if (i >= prefix_limit) return -1;
        if (i < 9)
            prefix->number |= (uint64_t)digit << (7 * i);
        else if (digit)
            prefix->large = 1;
    }
    return 0;
}

/* The type byte at `at`, with the prefix before it; 0 if the data end first, -1 if the prefix is too long. */
static inline int scan(const byte *at, const byte *end, long long prefix_limit, Py_ssize_t *length, uint64_t *number,
                       int *large) {
    /* Most prefixes have one byte. */
    if (end - at >= 2 && at[0] < 0x80 && at[1] >= 0x80 && prefix_limit > 0) {
        *large = 0;
        *length = 1;
        *number = at[0];
        return at[1];
    }
    Prefix prefix;
    int kind = scan_long(at, end, prefix_limit, &prefix);
    *large = prefix.large;
    *length = prefix.length;
    *number = prefix.number;
    return kind;
}

/* The integer of a prefix that has `length` bytes. */
static PyObject *make_int(const byte *prefix, Py_ssize_t length, uint64_t number, int large, int negative) {
    if (!large) return PyLong_FromLongLong(negative ? -(long long)number : (long long)number);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, length - length / 8);
    if (!bytes) return NULL;
    byte *at = (byte *)PyBytes_AS_STRING(bytes), *end = at + PyBytes_GET_SIZE(bytes);
    unsigned held = 0, bits = 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        held |= (unsigned)prefix[i] << bits;
        bits += 7;
        if (bits >= 8) {
            *at++ = held & 0xFF;
            held >>= 8;
            bits -= 8;
        }
    }
    while (at < end) {
        *at++ = held & 0xFF;
        held >>= 8;
    }
    PyObject *value = PyObject_CallMethod((PyObject *)&PyLong_Type, "from_bytes", "Os", bytes, "little");
    Py_DECREF(bytes);
    if (value && negative) {
        PyObject *positive = value;
        value = PyNumber_Negative(positive);
        Py_DECREF(positive);
    }
    return value;
}

static PyObject *make_float(const byte *at) {
    uint64_t bits = 0;
    double number;
    for (int i = 0; i < 8; i++) bits = bits << 8 | at[i];
    memcpy(&number, &bits, 8);
    return PyFloat_FromDouble(number);
}

/* One element of bytes that are known to be whole and right, or one item of a list. */
enum { T_END, T_LIST, T_BYTES, T_INT, T_FLOAT, T_OBJECT };

typedef struct {
    int kind, large, negative, word;
    int is_key; /* of a dictionary: set by who reads that */
    const byte *start, *body; /* of the element, and of what follows its prefix and type byte (bytes: the body) */
    Py_ssize_t prefix;        /* bytes of its prefix */
    uint64_t number;
    Py_ssize_t length; /* bytes of a body, or items of a list */
    PyObject *object;  /* borrowed: the word, or the item of the list */
} Token;

typedef struct {
    const byte *at, *end;
    PyObject *list; /* borrowed: then items are taken from it and not from bytes */
    Py_ssize_t index;
} Cursor;

static void broken_bytes(void) { PyErr_SetString(PyExc_SystemError, "spreadlite: packed bytes are broken"); }

static inline int next_token(State *st, Cursor *cursor, Token *token) {
    token->object = NULL;
    token->is_key = 0;
    if (cursor->list) {
        if (cursor->index >= PyList_GET_SIZE(cursor->list)) {
            PyErr_SetString(PyExc_RuntimeError, "an expression was changed while it was read");
            return -1;
        }
        PyObject *item = token->object = PyList_GET_ITEM(cursor->list, cursor->index++);
        if (PyList_CheckExact(item)) {
            token->kind = T_LIST;
            token->length = PyList_GET_SIZE(item);
        } else if (PyBytes_CheckExact(item)) {
            token->kind = T_BYTES;
            token->word = 0;
            token->body = (const byte *)PyBytes_AS_STRING(item);
            token->length = PyBytes_GET_SIZE(item);
        } else
            token->kind = T_OBJECT;
        return 0;
    }
    const byte *start = token->start = cursor->at, *end = cursor->end;
    int kind = scan(start, end, UNBOUNDED, &token->prefix, &token->number, &token->large);
    if (kind <= 0) return broken_bytes(), -1;
    const byte *body = token->body = start + token->prefix + 1;
    cursor->at = body;
    switch (kind) {
        case STRING:
            if (token->large || token->number > (uint64_t)(end - body)) return broken_bytes(), -1;
            token->kind = T_BYTES;
            token->word = 0;
            token->length = (Py_ssize_t)token->number;
            cursor->at = body + token->length;
            return 0;
        case LIST:
            if (token->large || token->number > (uint64_t)(end - body)) return broken_bytes(), -1;
            token->kind = T_LIST;
            token->length = (Py_ssize_t)token->number;
            return 0;
        case INT:
        case LONGINT:
        case NEG:
        case LONGNEG:
            token->kind = T_INT;
            token->negative = kind == NEG || kind == LONGNEG;
            return 0;
        case VOCAB:
            if (token->large || token->number < 1 || token->number > (uint64_t)st->words) return broken_bytes(), -1;
            token->kind = T_BYTES;
            token->word = (int)token->number;
            token->object = st->word[token->number];
            token->body = (const byte *)PyBytes_AS_STRING(token->object);
            token->length = PyBytes_GET_SIZE(token->object);
            return 0;
        case FLOAT:
            if (end - body < 8) return broken_bytes(), -1;
            token->kind = T_FLOAT;
            cursor->at = body + 8;
            return 0;
        default:
            return broken_bytes(), -1;
    }
}

/* The value of a token that is no list. */
static inline PyObject *scalar(const Token *token) {
    if (token->object) return Py_NewRef(token->object);
    switch (token->kind) {
        case T_BYTES:
            return PyBytes_FromStringAndSize((const char *)token->body, token->length);
        case T_INT:
            return make_int(token->start, token->prefix, token->number, token->large, token->negative);
        default:
            return make_float(token->body);
    }
}

/* The list whose token begins at the cursor, which is on bytes.  A loop: it may be as deep as the limits of the
   connection say, which is deeper than Python's own. */
static PyObject *decode_list(State *st, Cursor *cursor) {
    struct open {
        PyObject *list;
        Py_ssize_t filled, size;
    } few[16], *stack = few;
    Py_ssize_t depth = 0, room = 16;
    PyObject *item = NULL;
    Token token;
    for (;;) {
        if (next_token(st, cursor, &token)) goto failed;
        if (token.kind == T_LIST) {
            PyObject *list = PyList_New(token.length);
            if (!list) goto failed;
            if (token.length) {
                /* Not to be seen while it has holes. */
                PyObject_GC_UnTrack(list);
                if (depth == room) {
                    struct open *more = stack == few ? PyMem_Malloc(2 * sizeof(*more) * (size_t)room)
                                                     : PyMem_Realloc(stack, 2 * sizeof(*more) * (size_t)room);
                    if (!more) {
                        Py_DECREF(list);
                        PyErr_NoMemory();
                        goto failed;
                    }
                    if (stack == few) memcpy(more, few, sizeof(few));
                    stack = more;
                    room *= 2;
                }
                stack[depth].list = list;
                stack[depth].filled = 0;
                stack[depth++].size = token.length;
                continue;
            }
            item = list;
        } else if (!(item = scalar(&token)))
            goto failed;
        while (depth) {
            struct open *top = &stack[depth - 1];
            PyList_SET_ITEM(top->list, top->filled, item);
            if (++top->filled < top->size) break;
            item = top->list;
            PyObject_GC_Track(item);
            depth--;
            if (!depth) goto done;
        }
        if (!depth) goto done; /* no list, or an empty one */
    }
failed:
    while (depth) Py_DECREF(stack[--depth].list);
    item = NULL;
done:
    if (stack != few) PyMem_Free(stack);
    return item;
}

/* ---- Packed: the bytes of one list. ---- */

typedef struct {
    PyObject_HEAD
    PyObject *data;  /* bytes, in dialect pb; NULL where there is an error */
    PyObject *error; /* what the encoder has to say about it */
    Py_ssize_t nest; /* lists within lists in it, at the most; it may have fewer */
} Packed;

static PyObject *packed_new(State *st, PyObject *data, PyObject *error, Py_ssize_t nest) {
    /* Takes over data and error. */
    Packed *self = PyObject_GC_New(Packed, st->Packed);
    if (!self) {
        Py_XDECREF(data);
        Py_XDECREF(error);
        return NULL;
    }
    self->data = data;
    self->error = error;
    self->nest = nest;
    if (error) PyObject_GC_Track(self); /* bytes lead nowhere */
    return (PyObject *)self;
}

static int packed_traverse(Packed *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->error);
    return 0;
}

static int packed_clear(Packed *self) {
    Py_CLEAR(self->error);
    return 0;
}

static void packed_dealloc(Packed *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->data);
    Py_XDECREF(self->error);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static void raise_again(PyObject *error) { PyErr_SetObject((PyObject *)Py_TYPE(error), error); }

static PyObject *packed_expression(Packed *self, PyObject *Py_UNUSED(ignored)) {
    if (!self->data) {
        if (self->error)
            raise_again(self->error);
        else
            PyErr_SetString(PyExc_ValueError, "nothing is packed here");
        return NULL;
    }
    const byte *data = (const byte *)PyBytes_AS_STRING(self->data);
    Cursor cursor = {data, data + PyBytes_GET_SIZE(self->data), NULL, 0};
    return decode_list(state_of_type(Py_TYPE(self)), &cursor);
}

static PyObject *packed_repr(Packed *self) {
    State *st = state_of_type(Py_TYPE(self));
    if (!self->data) return PyUnicode_FromFormat("<Packed: %R>", self->error ? self->error : Py_None);
    PyObject *expression = packed_expression(self, NULL);
    if (!expression) return NULL;
    PyObject *text = PyObject_CallOneArg(st->g_shortened, expression);
    Py_DECREF(expression);
    if (!text) return NULL;
    PyObject *result = PyUnicode_FromFormat("<Packed %U>", text);
    Py_DECREF(text);
    return result;
}

static PyMethodDef packed_methods[] = {
    {"expression", (PyCFunction)packed_expression, METH_NOARGS, "The list, new each time."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot packed_slots[] = {
    {Py_tp_doc, "The bytes of one list, which were checked.  Made by `Decoder.next` and `pack`."},
    {Py_tp_dealloc, packed_dealloc},
    {Py_tp_traverse, packed_traverse},
    {Py_tp_clear, packed_clear},
    {Py_tp_repr, packed_repr},
    {Py_tp_methods, packed_methods},
    {0, NULL},
};

static PyType_Spec packed_spec = {
    "spreadlite.core._compiled.Packed",
    sizeof(Packed),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    packed_slots,
};

/* How deep lists nest in these bytes, exactly. */
static Py_ssize_t nesting(State *st, PyObject *data) {
    const byte *at = (const byte *)PyBytes_AS_STRING(data);
    Cursor cursor = {at, at + PyBytes_GET_SIZE(data), NULL, 0};
    Py_ssize_t depth = 0, deepest = 0, room = 0, *missing = NULL;
    Token token;
    do {
        if (next_token(st, &cursor, &token)) {
            PyMem_Free(missing);
            return -1;
        }
        if (token.kind == T_LIST) {
            /* An empty list counts: it is refused where one with items would be. */
            if (depth + 1 > deepest) deepest = depth + 1;
            if (token.length) {
                if (depth == room) {
                    room = room ? 2 * room : 64;
                    Py_ssize_t *more = PyMem_Realloc(missing, sizeof(*missing) * (size_t)room);
                    if (!more) {
                        PyMem_Free(missing);
                        PyErr_NoMemory();
                        return -1;
                    }
                    missing = more;
                }
                missing[depth++] = token.length;
                continue;
            }
        }
        while (depth && --missing[depth - 1] == 0) depth--;
    } while (depth);
    PyMem_Free(missing);
    return deepest;
}

/* ---- encode: expressions to bytes. ---- */

/* Whether a dictionary is the stock vocabulary.  Copies of it have the same objects in the same order, so that a look
   at each is enough for them. */
static int is_stock(State *st, PyObject *words, int by_number) {
    if (!words || !PyDict_CheckExact(words) || PyDict_GET_SIZE(words) != st->words) return 0;
#if PY_VERSION_HEX < 0x030C0000
    if (st->stock_version[by_number] == ((PyDictObject *)words)->ma_version_tag) return 1;
#endif
    Py_ssize_t position = 0, i = 1;
    PyObject *key, *value;
    while (PyDict_Next(words, &position, &key, &value)) {
        PyObject *word = by_number ? value : key, *number = by_number ? key : value;
        if (word != st->word[i] || number != st->number[i])
            return PyObject_RichCompareBool(words, by_number ? st->NUMBERS : st->WORDS, Py_EQ);
        i++;
    }
#if PY_VERSION_HEX < 0x030C0000
    st->stock_version[by_number] = ((PyDictObject *)words)->ma_version_tag;
#endif
    return 1;
}

typedef struct {
    State *st;
    Out *out;
    PyObject *words; /* a dictionary, or NULL */
    int stock;
    long long size, prefix, depth;
    long long deepest; /* result */
    PyObject **pieces; /* NULL, or where the list goes of what comes before `out`, if that is in pieces */
} Encoder;

/* Adds bytes; large ones as a piece of their own, which is copied once, when all is there. */
static int encoder_bytes(Encoder *self, PyObject *bytes) {
    if (!self->pieces || PyBytes_GET_SIZE(bytes) <= LARGE_STRING) return out_bytes(self->out, bytes);
    /* Making a list may run finalizers, which may change the one that the bytes are in. */
    Py_INCREF(bytes);
    if (!*self->pieces && !(*self->pieces = PyList_New(0))) {
        Py_DECREF(bytes);
        return -1;
    }
    PyObject *before = out_done(self->out);
    int failed = !before || PyList_Append(*self->pieces, before) || PyList_Append(*self->pieces, bytes);
    Py_DECREF(bytes);
    Py_XDECREF(before);
    return failed || out_start(self->out, 256) ? -1 : 0;
}

static PyObject *join(PyObject *pieces) {
    PyObject *nothing = PyBytes_FromStringAndSize(NULL, 0);
    PyObject *bytes = nothing ? PyObject_CallMethod(nothing, "join", "O", pieces) : NULL;
    Py_XDECREF(nothing);
    return bytes;
}

#define ODD 1 /* something that the Python twin is to judge: an error, or a type that is not sent often */

/* Adds the bytes of an expression.  Returns 0, -1 with an error set, or ODD. */
static int encode_into(Encoder *self, PyObject *expression) {
    struct open {
        PyObject *sequence;
        Py_ssize_t next;
    } few[16], *stack = few;
    Py_ssize_t depth = 0, room = 16;
    State *st = self->st;
    Out *out = self->out;
    PyObject *item = expression;
    int result = 0;
    for (;;) {
        PyTypeObject *type = Py_TYPE(item);
        if (type == &PyBytes_Type) {
            Py_ssize_t length = PyBytes_GET_SIZE(item);
            if (self->stock) {
                int number = word_number(st, PyBytes_AS_STRING(item), length);
                if (number) {
                    if (out_head(out, (uint64_t)number, VOCAB)) goto failed;
                    goto written;
                }
            } else if (self->words) {
                PyObject *number = PyDict_GetItemWithError(self->words, item);
                if (number) {
                    int overflow;
                    if (!PyLong_CheckExact(number)) goto odd;
                    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
                    if (overflow || value < 0) goto odd;
                    if (out_head(out, (uint64_t)value, VOCAB)) goto failed;
                    goto written;
                }
                if (PyErr_Occurred()) goto failed;
            }
            if (length > self->size) goto odd;
            if (out_head(out, (uint64_t)length, STRING) || encoder_bytes(self, item)) goto failed;
        } else if (type == &PyList_Type || type == &PyTuple_Type) {
            Py_ssize_t size = Py_SIZE(item);
            if (size > self->size || depth >= self->depth) goto odd;
            if (depth >= self->deepest) self->deepest = depth + 1;
            if (out_head(out, (uint64_t)size, LIST)) goto failed;
            if (size) {
                if (depth == room) {
                    struct open *more = stack == few ? PyMem_Malloc(2 * sizeof(*more) * (size_t)room)
                                                     : PyMem_Realloc(stack, 2 * sizeof(*more) * (size_t)room);
                    if (!more) {
                        PyErr_NoMemory();
                        goto failed;
                    }
                    if (stack == few) memcpy(more, few, sizeof(few));
                    stack = more;
                    room *= 2;
                }
                stack[depth].sequence = Py_NewRef(item);
                stack[depth++].next = 0;
            }
        } else if (type == &PyLong_Type || type == &PyBool_Type) {
            if (out_int(st, out, item, self->prefix)) goto failed;
        } else if (type == &PyFloat_Type) {
            if (out_float(out, PyFloat_AS_DOUBLE(item))) goto failed;
        } else if (type == st->Packed) {
            Packed *packed = (Packed *)item;
            if (packed->error) {
                raise_again(packed->error);
                goto failed;
            }
            if (!packed->data || !self->stock) goto odd;
            if (depth + packed->nest > self->depth) {
                Py_ssize_t nest = nesting(st, packed->data);
                if (nest < 0) goto failed;
                if (depth + nest > self->depth) goto odd;
            }
            if (depth + packed->nest > self->deepest) self->deepest = depth + packed->nest;
            if (encoder_bytes(self, packed->data)) goto failed;
        } else
            goto odd;
    written:
        while (depth) {
            struct open *top = &stack[depth - 1];
            if (top->next < Py_SIZE(top->sequence)) break;
            Py_DECREF(top->sequence);
            depth--;
        }
        if (!depth) break;
        struct open *top = &stack[depth - 1];
        item = PyList_CheckExact(top->sequence) ? PyList_GET_ITEM(top->sequence, top->next)
                                                : PyTuple_GET_ITEM(top->sequence, top->next);
        top->next++;
    }
    goto done;
odd:
    result = ODD;
    goto done;
failed:
    result = -1;
done:
    while (depth) Py_DECREF(stack[--depth].sequence);
    if (stack != few) PyMem_Free(stack);
    return result;
}

/* The expression with each packed list in it as a list: for the Python twin. */
static PyObject *without_packed(State *st, PyObject *expression, int levels) {
    if (Py_IS_TYPE(expression, st->Packed)) return packed_expression((Packed *)expression, NULL);
    if (!levels || !(PyList_CheckExact(expression) || PyTuple_CheckExact(expression))) return Py_NewRef(expression);
    PyObject *result = PySequence_List(expression);
    if (!result) return NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(result); i++) {
        PyObject *item = without_packed(st, PyList_GET_ITEM(result, i), levels - 1);
        if (!item || PyList_SetItem(result, i, item)) {
            Py_DECREF(result);
            return NULL;
        }
    }
    return result;
}

static PyObject *encoded(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords, int in_parts) {
    static const char *const names[] = {"expression", "words", "size_limit", "prefix_limit", "depth"};
    State *st = state_of(module);
    PyObject *given[5];
    if (take_args(in_parts ? "encode_parts" : "encode", names, args, count, keywords, 2, 5, given)) return NULL;
    if (!given[2]) given[2] = st->default_size;
    if (!given[3]) given[3] = st->default_prefix;
    if (!given[4]) given[4] = st->default_nesting;
    PyObject *words = given[1] == Py_None ? NULL : given[1];
    int result = ODD, stock = words ? is_stock(st, words, 0) : 0;
    if (stock < 0) return NULL;
    Out out;
    PyObject *pieces = NULL;
    Encoder encoder = {st, &out, words, stock, 0, 0, 0, 0, NULL};
    if (bound_of(given[2], 0, &encoder.size) || bound_of(given[3], 0, &encoder.prefix) ||
        bound_of(given[4], 1, &encoder.depth) || out_begin(st, &out, st->last_encoded))
        return NULL;
    encoder.pieces = &pieces;
    if (!words || PyDict_CheckExact(words)) result = encode_into(&encoder, given[0]);
    if (!result) {
        foresee(&st->last_encoded, out.length);
        PyObject *last = out_whole(st, &out), *bytes = NULL;
        if (last && !pieces) return last;
        if (last && (PyBytes_GET_SIZE(last) == 0 || !PyList_Append(pieces, last)))
            bytes = in_parts ? Py_NewRef(pieces) : join(pieces);
        Py_XDECREF(last);
        Py_XDECREF(pieces);
        return bytes;
    }
    Py_XDECREF(pieces);
    out_end(st, &out);
    if (result < 0) return NULL;
    PyObject *plain = without_packed(st, given[0], 3);
    if (!plain) return NULL;
    PyObject *bytes =
        PyObject_CallFunctionObjArgs(st->encode, plain, given[1], given[2], given[3], given[4], NULL);
    Py_DECREF(plain);
    return bytes;
}

static PyObject *encode(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    return encoded(module, args, count, keywords, 0);
}

static PyObject *encode_parts(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    return encoded(module, args, count, keywords, 1);
}

/* ---- Decoder: bytes to expressions. ---- */

typedef struct {
    PyObject *list;          /* NULL in a list that is skimmed over */
    Py_ssize_t missing;      /* items that it lacks */
    Py_ssize_t filled;       /* items that it has, where it was made in its size at once; else -1 */
} Open;

typedef struct {
    PyObject_HEAD
    PyObject *limits;
    long long given, most, deepest; /* limits.expression_bytes, what that comes to, and limits.expression_depth */
    /* Where the bytes are: in what was fed last, or, where more has to be kept, in a buffer of our own. */
    PyObject *chunk;
    byte *own;
    Py_ssize_t own_room;
    const byte *data;
    Py_ssize_t position, end;
    Open *stack;
    Py_ssize_t depth, stack_room;
    Py_ssize_t skim_from; /* where the list begins that is skimmed over; -1 */
    Py_ssize_t skim_depth;
    long long skim_held; /* what was held before that list */
    char apart; /* whether the list at hand is not kept in bytes after all */
    Py_ssize_t body; /* bytes of the string whose head was read; -1 */
    PyObject *partial; /* a long string that has not arrived whole: bytes in which it grows, or NULL */
    Py_ssize_t have;   /* bytes of it that are there */
    long long held;
    PyObject *broken; /* the text of the error after which nothing is read */
    PyObject *late;   /* what was fed while `next` was at work, by way of a finalizer */
    char shallow, busy;
    /* For `serve`: how many attributes the broker had when it was looked at in this reading, or -1, and which version its
       class. */
    Py_ssize_t attributes;
    unsigned int class_version;
} Decoder;

static int decoder_traverse(Decoder *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->limits);
    Py_VISIT(self->late);
    for (Py_ssize_t i = 0; i < self->depth; i++) Py_VISIT(self->stack[i].list);
    return 0;
}

/* Lets go of the unfinished expression and of all bytes. */
static void decoder_drop(Decoder *self) {
    while (self->depth) Py_XDECREF(self->stack[--self->depth].list);
    PyMem_Free(self->stack);
    self->stack = NULL;
    self->stack_room = 0;
    Py_CLEAR(self->chunk);
    Py_CLEAR(self->partial);
    PyMem_Free(self->own);
    self->own = NULL;
    self->own_room = 0;
    self->data = NULL;
    self->position = self->end = 0;
    self->skim_from = self->body = -1;
    self->apart = 0;
}

static int decoder_clear(Decoder *self) {
    Py_CLEAR(self->limits);
    Py_CLEAR(self->late);
    decoder_drop(self);
    return 0;
}

static void decoder_dealloc(Decoder *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    decoder_clear(self);
    Py_XDECREF(self->broken);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static int decoder_bound_by(State *st, Decoder *self, PyObject *limits) {
    PyObject *most = PyObject_GetAttr(limits, st->s_expression_bytes);
    PyObject *deepest = most ? PyObject_GetAttr(limits, st->s_expression_depth) : NULL;
    int failed = !deepest || bound_of(most, 0, &self->given) || bound_of(deepest, 1, &self->deepest);
    Py_XDECREF(most);
    Py_XDECREF(deepest);
    if (failed) return -1;
    self->most = self->given;
    Py_XSETREF(self->limits, Py_NewRef(limits));
    return 0;
}

static PyObject *decoder_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"limits", NULL};
    State *st = state_of_type(type);
    PyObject *limits = st->default_limits;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:Decoder", names, &limits)) return NULL;
    Decoder *self = PyObject_GC_New(Decoder, type);
    if (!self) return NULL;
    memset((char *)self + sizeof(PyObject), 0, sizeof(Decoder) - sizeof(PyObject));
    self->skim_from = self->body = -1;
    PyObject_GC_Track(self);
    if (decoder_bound_by(st, self, limits)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *decoder_bound(Decoder *self, PyObject *limits) {
    return decoder_bound_by(state_of_type(Py_TYPE(self)), self, limits) ? NULL : Py_NewRef(Py_None);
}

/* Adds to the long string that has not arrived whole; it grows where it will stay, so that each byte is copied once.
   Returns how many bytes it took, or -1. */
static Py_ssize_t decoder_grow(Decoder *self, const char *data, Py_ssize_t length) {
    Py_ssize_t more = self->body - self->have, room = PyBytes_GET_SIZE(self->partial);
    if (more > length) more = length;
    if (self->have + more > room) {
        /* Not for what a peer claims alone: 16 times what it has sent. */
        room = (self->have + more) > self->body / 16 ? self->body : 16 * (self->have + more);
        if (_PyBytes_Resize(&self->partial, room)) return -1;
    }
    memcpy(PyBytes_AS_STRING(self->partial) + self->have, data, (size_t)more);
    self->have += more;
    return more;
}

/* Bytes of a decoder's own buffer that it may keep for what comes next. */
#define MOST_KEPT (1 << 12)

/* Lets go of what was fed, or of a large buffer, once all in it was used up: it may be long until more comes, and its memory
   is best used again for that. */
static void decoder_let_go(Decoder *self) {
    if (self->skim_from >= 0 || self->position < self->end) return;
    Py_CLEAR(self->chunk);
    if (self->own_room > MOST_KEPT) {
        PyMem_Free(self->own);
        self->own = NULL;
        self->own_room = 0;
    }
    self->data = NULL;
    self->position = self->end = 0;
}

/* Begins with what is at hand of a long string whose head was read. */
static int decoder_begin(Decoder *self) {
    self->partial = PyBytes_FromStringAndSize(NULL, 0);
    self->have = 0;
    if (!self->partial) return -1;
    if (decoder_grow(self, (const char *)self->data + self->position, self->end - self->position) < 0) return -1;
    self->position = self->end;
    decoder_let_go(self);
    return 0;
}

/* Takes the next bytes of the stream: those at hand, or as much of them as has not gone into a long string. */
static int decoder_take(Decoder *self, PyObject *data) {
    Py_ssize_t length = PyBytes_GET_SIZE(data), grown = 0;
    if (!length) return 0;
    if (self->partial && self->have < self->body) {
        /* Nothing else is at hand. */
        grown = decoder_grow(self, PyBytes_AS_STRING(data), length);
        if (grown < 0) return -1;
        if (grown == length) return 0;
    }
    Py_ssize_t keep = self->skim_from >= 0 ? self->skim_from : self->position;
    Py_ssize_t kept = self->end - keep;
    if (!kept) {
        decoder_let_go(self);
        Py_XSETREF(self->chunk, Py_NewRef(data));
        self->data = (const byte *)PyBytes_AS_STRING(data);
        self->position = grown;
        self->end = length;
        return 0;
    }
    if (kept > PY_SSIZE_T_MAX / 2 - length) {
        PyErr_NoMemory();
        return -1;
    }
    /* What is kept moves to the front only when at least as much before it was used up, so that on the whole each byte
       moves a fixed number of times. */
    int move = self->chunk || keep >= kept;
    Py_ssize_t start = move ? 0 : keep;
    if (start + kept + length > self->own_room) {
        Py_ssize_t room = start + 2 * kept + length;
        byte *more;
        if (self->chunk) {
            more = PyMem_Malloc((size_t)room);
        } else
            more = PyMem_Realloc(self->own, (size_t)room);
        if (!more) {
            PyErr_NoMemory();
            return -1;
        }
        if (self->chunk)
            PyMem_Free(self->own);
        else
            self->data = more;
        self->own = more;
        self->own_room = room;
    }
    if (move) memmove(self->own, self->data + keep, (size_t)kept);
    memcpy(self->own + start + kept, PyBytes_AS_STRING(data), (size_t)length);
    self->position += start - keep;
    self->end = start + kept + length;
    if (self->skim_from >= 0) self->skim_from = start;
    self->data = self->own;
    Py_CLEAR(self->chunk);
    return 0;
}

static PyObject *decoder_feed(Decoder *self, PyObject *data) {
    if (self->broken) Py_RETURN_NONE;
    /* Not a subclass: letting go of it may run code, and it may lead back here. */
    data = PyBytes_CheckExact(data) ? Py_NewRef(data) : PyBytes_FromObject(data);
    if (!data) return NULL;
    int failed;
    if (self->busy) {
        if (!self->late) self->late = PyList_New(0);
        failed = !self->late || PyList_Append(self->late, data);
    } else
        failed = decoder_take(self, data);
    Py_DECREF(data);
    return failed ? NULL : Py_NewRef(Py_None);
}

/* The word with that number, new; NULL without an error if there is none. */
static PyObject *find_word(State *st, PyObject *words, int stock, const byte *prefix, Py_ssize_t length,
                           uint64_t number, int large) {
    if (stock) return !large && number && number <= (uint64_t)st->words ? Py_NewRef(st->word[number]) : NULL;
    PyObject *key = make_int(prefix, length, number, large, 0);
    if (!key) return NULL;
    PyObject *word;
    if (PyDict_CheckExact(words))
        word = Py_XNewRef(PyDict_GetItemWithError(words, key));
    else
        word = PyObject_CallMethodOneArg(words, st->s_get, key);
    Py_DECREF(key);
    if (word == Py_None) Py_CLEAR(word);
    return word;
}

/* Raises cls(format % figure, limit): `figure` is a peer's number. */
static void refuse(State *st, PyObject *cls, const char *format, const byte *prefix, Py_ssize_t length, uint64_t number,
                   int large, PyObject *limit) {
    PyObject *value = make_int(prefix, length, number, large, 0);
    PyObject *figure = value ? PyObject_CallOneArg(st->_figure, value) : NULL;
    if (figure) PyErr_Format(cls, format, figure, limit);
    Py_XDECREF(value);
    Py_XDECREF(figure);
}

static void refuse_cost(State *st, Decoder *self, PyObject *name, const char *format) {
    int follows = name == st->s_expression_bytes && self->most != self->given;
    PyObject *limit = follows ? PyLong_FromLongLong(self->most) : PyObject_GetAttr(self->limits, name);
    if (limit) PyErr_Format(st->BananaError, format, limit);
    Py_XDECREF(limit);
}

static int decoder_open(Decoder *self, PyObject *list, Py_ssize_t missing, Py_ssize_t filled) {
    /* Takes over the list, also when it fails. */
    if (self->depth == self->stack_room) {
        /* Most messages are that deep, and connections may be many. */
        Py_ssize_t room = self->stack_room ? 2 * self->stack_room : 4;
        Open *more = PyMem_Realloc(self->stack, sizeof(Open) * (size_t)room);
        if (!more) {
            Py_XDECREF(list);
            PyErr_NoMemory();
            return -1;
        }
        self->stack = more;
        self->stack_room = room;
    }
    self->stack[self->depth++] = (Open){list, missing, filled};
    return 0;
}

/* Goes back to where the list begins that is skimmed over, to take its items: there are large strings in it, and these are
   better copied out once, as they are, than kept with the rest. */
static void apart(Decoder *self) {
    self->position = self->skim_from;
    self->held = self->skim_held;
    self->depth = 1;
    self->skim_from = self->body = -1;
    self->apart = 1;
}

static inline int is_too_costly(const Decoder *self, long long cost) {
    return cost > self->most || self->held > self->most - cost;
}

/* Passes over elements of the list that is skimmed over, as long as each is whole and there is nothing to say of it: what
   it stops at, be it an error, `decoder_work` will find there.  Returns whether it passed over the last one. */
static int skim(State *st, Decoder *self, long long most_size, long long most_prefix) {
    const byte *at = self->data + self->position, *const end = self->data + self->end;
    /* What a text costs beside its bytes: the list, its tag, and an item. */
    const long long text_cost = st->list_cost + 2 * st->item_cost + PyBytes_GET_SIZE(st->head[H_UNICODE]);
    /* What it may cost yet.  Beyond these bounds, which nobody has, the sums might be none. */
    long long left = self->most < 0 || self->held > self->most ? -1 : self->most - self->held;
    const long long begun = left;
    if (left < 0 || most_prefix < 1 || most_size < LONGEST_WORD) return 0;
    Py_ssize_t depth = self->depth, deepest = self->skim_depth, length;
    Open *top = &self->stack[depth - 1];
    uint64_t number;
    int large, last = 0;
    for (;;) {
        if (end - at > TEXT_HEAD + 1 && is_text(st, at) && depth < self->deepest) {
            const byte *text = at + TEXT_HEAD;
            if (text[0] < 0x80 && text[1] == STRING) {
                number = text[0];
                text += 2;
            } else if (scan(text, end, most_prefix, &length, &number, &large) == STRING && !large)
                text += length + 1;
            else
                number = UINT64_MAX;
            if (number <= (uint64_t)(end - text) && (long long)number <= most_size &&
                (long long)number <= left - text_cost) {
                left -= text_cost + (long long)number;
                if (depth > deepest) deepest = depth;
                at = text + number;
                goto passed;
            }
        }
        int kind = scan(at, end, most_prefix, &length, &number, &large);
        if (kind <= 0) break;
        const byte *body = at + length + 1;
        long long cost = st->item_cost;
        switch (kind) {
            case STRING:
                if (large || number > (uint64_t)(end - body) || (long long)number > most_size) goto stop;
                cost += (long long)number;
                body += number;
                break;
            case LIST:
                if (large || number > (uint64_t)most_size || st->list_cost > left) goto stop;
                if (number) {
                    if (depth >= self->deepest || depth == self->stack_room) goto stop;
                    *++top = (Open){NULL, (Py_ssize_t)number, -1};
                }
                if (depth > deepest) deepest = depth;
                left -= st->list_cost;
                at = body;
                if (!number) goto passed;
                depth++;
                continue;
            case VOCAB:
                if (large || !number || number > (uint64_t)st->words) goto stop;
                cost = st->word_cost;
                break;
            case FLOAT:
                if (end - body < 8) goto stop;
                body += 8;
                break;
            case INT:
            case NEG:
            case LONGINT:
            case LONGNEG:
                break;
            default:
                goto stop;
        }
        if (cost > left) break;
        left -= cost;
        at = body;
    passed:
        /* The end of the outermost list is for the caller to see. */
        while (top->missing == 1) {
            if ((last = depth == 2)) goto stop;
            depth--;
            top--;
        }
        top->missing--;
    }
stop:
    self->held += begun - left;
    self->skim_depth = deepest;
    self->depth = depth;
    self->position = at - self->data;
    return last;
}

static PyObject *decoder_work(State *st, Decoder *self, PyObject *words, PyObject *size_limit, PyObject *prefix_limit) {
    long long most_size, most_prefix;
    if (bound_of(size_limit, 0, &most_size) || bound_of(prefix_limit, 0, &most_prefix)) return NULL;
    /* Of a bound that nobody has given. */
    int follows = most_size > self->given && self->given == st->expression_bytes;
    self->most = !follows ? self->given : most_size < LLONG_MAX - st->beside_string ? most_size + st->beside_string : LLONG_MAX;
    int stock = words ? is_stock(st, words, 1) : 0;
    if (stock < 0) return NULL;
    const char *too_costly = "an expression that takes more than %S bytes of memory";
    for (;;) {
        int skimming = self->skim_from >= 0;
        int passed = skimming && self->body < 0 && skim(st, self, most_size, most_prefix);
        const byte *start = self->data + self->position, *end = self->data + self->end;
        PyObject *item = NULL;
        if (passed) {
            /* The last element of a list that is kept in bytes. */
        } else if (self->partial) {
            if (self->have < self->body) return Py_NewRef(st->NEED_DATA);
            item = self->partial;
            self->partial = NULL;
            self->body = -1;
        } else if (self->body >= 0) {
            if (end - start < self->body) {
                if (self->body > LARGE_STRING) {
                    if (skimming) {
                        apart(self);
                        continue;
                    }
                    if (decoder_begin(self)) return NULL;
                }
                return Py_NewRef(st->NEED_DATA);
            }
            if (!skimming && !(item = PyBytes_FromStringAndSize((const char *)start, self->body))) return NULL;
            self->position += self->body;
            self->body = -1;
        } else {
            Py_ssize_t length;
            uint64_t number;
            int large;
            int kind = scan(start, end, most_prefix, &length, &number, &large);
            if (kind <= 0) {
                if (!kind) {
                    decoder_let_go(self);
                    return Py_NewRef(st->NEED_DATA);
                }
                PyErr_Format(st->BananaError, "a prefix of more than %S bytes", prefix_limit);
                return NULL;
            }
            Py_ssize_t taken = length + 1;
            long long cost = st->item_cost;
            switch (kind) {
                case STRING:
                    if (large || number > (uint64_t)LLONG_MAX || (long long)number > most_size) {
                        refuse(st, st->BananaError, "a string of %U bytes; the limit is %S", start, length, number, large,
                               size_limit);
                        return NULL;
                    }
                    cost = (long long)number > LLONG_MAX - cost ? LLONG_MAX : cost + (long long)number;
                    break;
                case LIST:
                    if (large || number > (uint64_t)LLONG_MAX || (long long)number > most_size) {
                        refuse(st, st->BananaError, "a list of %U items; the limit is %S", start, length, number, large,
                               size_limit);
                        return NULL;
                    }
                    cost = st->list_cost;
                    break;
                case VOCAB:
                    if (!words) {
                        PyErr_SetString(st->UnknownElement, "a word of the vocabulary in a dialect that has none");
                        return NULL;
                    }
                    /* In a list that is kept in bytes, the word has to be one of those by which it will be read. */
                    item = find_word(st, words, stock || skimming, start, length, number, large);
                    if (!item) {
                        if (!PyErr_Occurred())
                            refuse(st, st->UnknownWord, "no word has the number %U", start, length, number, large, NULL);
                        return NULL;
                    }
                    cost = st->word_cost;
                    break;
                case FLOAT:
                    if (end - start - taken < 8) return Py_NewRef(st->NEED_DATA);
                    break;
                case INT:
                case LONGINT:
                case NEG:
                case LONGNEG:
                    break;
                default:
                    PyErr_Format(st->UnknownElement, "no element has the type byte 0x%02x", kind);
                    return NULL;
            }
            if (is_too_costly(self, cost)) {
                Py_XDECREF(item);
                refuse_cost(st, self, st->s_expression_bytes, too_costly);
                return NULL;
            }
            if (kind == STRING) {
                self->held += cost;
                self->position += taken;
                self->body = (Py_ssize_t)number;
                continue;
            }
            if (kind == LIST) {
                int keep_bytes = !skimming && self->shallow && stock && self->depth == 1 && !self->apart;
                if (number) {
                    if (self->depth >= self->deepest) {
                        refuse_cost(st, self, st->s_expression_depth, "lists nested more than %S deep");
                        return NULL;
                    }
                    PyObject *list = NULL;
                    /* A short list is made in its size.  A longer one grows: its size is only what a peer says. */
                    Py_ssize_t filled = number <= 64 ? 0 : -1;
                    if (!skimming && !keep_bytes) {
                        if (!(list = PyList_New(filled ? 0 : (Py_ssize_t)number))) return NULL;
                        /* Not to be seen while it has holes. */
                        if (!filled) PyObject_GC_UnTrack(list);
                    }
                    if (decoder_open(self, list, (Py_ssize_t)number, filled)) return NULL;
                    if (keep_bytes) {
                        self->skim_from = self->position;
                        self->skim_held = self->held;
                        self->skim_depth = 1;
                    } else if (skimming && self->depth - 1 > self->skim_depth)
                        self->skim_depth = self->depth - 1;
                    self->held += cost;
                    self->position += taken;
                    continue;
                }
                if (keep_bytes) {
                    PyObject *bytes = PyBytes_FromStringAndSize((const char *)start, taken);
                    item = bytes ? packed_new(st, bytes, NULL, 1) : NULL;
                } else if (!skimming)
                    item = PyList_New(0);
                else if (self->depth > self->skim_depth)
                    self->skim_depth = self->depth;
                if (!item && !skimming) return NULL;
            } else if (kind == FLOAT) {
                if (!skimming && !(item = make_float(start + taken))) return NULL;
                taken += 8;
            } else if (kind != VOCAB && !skimming) {
                item = make_int(start, length, number, large, kind == NEG || kind == LONGNEG);
                if (!item) return NULL;
            }
            self->held += cost;
            self->position += taken;
        }
        if (skimming) Py_CLEAR(item);
        /* The item goes into the list around it, which may thereby be whole, and so on. */
        for (;;) {
            if (!self->depth) {
                self->held = 0;
                return item;
            }
            Open *top = &self->stack[self->depth - 1];
            if (top->list) {
                if (top->filled >= 0)
                    PyList_SET_ITEM(top->list, top->filled++, item);
                else {
                    int failed = PyList_Append(top->list, item);
                    Py_DECREF(item);
                    if (failed) return NULL;
                }
            }
            if (--top->missing) break;
            item = top->list;
            self->depth--;
            if (self->depth == 1) self->apart = 0;
            if (item) {
                if (top->filled >= 0) PyObject_GC_Track(item);
            } else if (self->depth == 1) {
                Py_ssize_t size = self->position - self->skim_from;
                if (size > LARGE && self->held - self->skim_held < size + size / 4) {
                    apart(self);
                    break;
                }
                PyObject *bytes = PyBytes_FromStringAndSize((const char *)self->data + self->skim_from,
                                                            self->position - self->skim_from);
                self->skim_from = -1;
                if (!bytes || !(item = packed_new(st, bytes, NULL, self->skim_depth))) return NULL;
            }
        }
    }
}

static PyObject *decoder_next(Decoder *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    static const char *const names[] = {"words", "size_limit", "prefix_limit"};
    State *st = state_of_type(Py_TYPE(self));
    PyObject *given[3];
    if (take_args("next", names, args, count, keywords, 1, 3, given)) return NULL;
    if (self->broken) {
        PyErr_SetObject(st->BananaError, self->broken);
        return NULL;
    }
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the decoder is at work");
        return NULL;
    }
    self->busy = 1;
    int collects = pause_gc();
    PyObject *item = decoder_work(st, self, given[0] == Py_None ? NULL : given[0], given[1] ? given[1] : st->default_size,
                                  given[2] ? given[2] : st->default_prefix);
    self->busy = 0;
    resume_gc(collects);
    if (!item && PyErr_ExceptionMatches(st->BananaError)) {
        PyObject *type, *error, *trace;
        PyErr_Fetch(&type, &error, &trace);
        PyErr_NormalizeException(&type, &error, &trace);
        PyObject *text = error ? PyObject_Str(error) : NULL;
        if (!text) {
            Py_XDECREF(type);
            Py_XDECREF(error);
            Py_XDECREF(trace);
            return NULL;
        }
        Py_XSETREF(self->broken, text);
        Py_CLEAR(self->late);
        decoder_drop(self);
        PyErr_Restore(type, error, trace);
    }
    if (self->late && item) {
        PyObject *late = self->late;
        self->late = NULL;
        for (Py_ssize_t i = 0; item && i < PyList_GET_SIZE(late); i++)
            if (decoder_take(self, PyList_GET_ITEM(late, i))) Py_CLEAR(item);
        Py_DECREF(late);
    }
    return item;
}

static PyObject *decoder_unfinished(Decoder *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(self->body >= 0 || self->depth || self->position < self->end);
}

static PyObject *decoder_get_shallow(Decoder *self, void *Py_UNUSED(closure)) { return PyBool_FromLong(self->shallow); }

static int decoder_set_shallow(Decoder *self, PyObject *value, void *Py_UNUSED(closure)) {
    int truth = value ? PyObject_IsTrue(value) : 0;
    if (truth < 0) return -1;
    self->shallow = (char)truth;
    self->attributes = -1;
    return 0;
}

static PyMethodDef decoder_methods[] = {
    {"feed", (PyCFunction)decoder_feed, METH_O, "Take the next bytes of the stream."},
    {"bound", (PyCFunction)decoder_bound, METH_O, "Have these limits from now on."},
    {"next", (PyCFunction)(void (*)(void))decoder_next, METH_FASTCALL | METH_KEYWORDS,
     "The next whole expression, or NEED_DATA."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef decoder_attributes[] = {
    {"unfinished", (getter)decoder_unfinished, NULL,
     "Whether bytes were taken in that have not come out as part of an expression.", NULL},
    {"shallow", (getter)decoder_get_shallow, (setter)decoder_set_shallow,
     "Whether the lists in a list come as `Packed`, where the vocabulary is the stock one.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot decoder_slots[] = {
    {Py_tp_doc, "Gives the expressions of a stream of bytes, one by one; see `spreadlite.core.wire.Decoder`."},
    {Py_tp_new, decoder_new},
    {Py_tp_dealloc, decoder_dealloc},
    {Py_tp_traverse, decoder_traverse},
    {Py_tp_clear, decoder_clear},
    {Py_tp_methods, decoder_methods},
    {Py_tp_getset, decoder_attributes},
    {0, NULL},
};

static PyType_Spec decoder_spec = {
    "spreadlite.core._compiled.Decoder",
    sizeof(Decoder),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    decoder_slots,
};

/* ---- Tasters. ---- */

/* 1: SecurityOptions' own isTypeAllowed is asked; 2: that of DummySecurityOptions; 0: something else; -1: error. */
static int taster_kind(State *st, PyObject *taster) {
    PyTypeObject *type = Py_TYPE(taster);
    int kind = st->taster_kind;
    if (!type->tp_version_tag || type->tp_version_tag != st->taster_version) {
        if (type->tp_getattro != PyObject_GenericGetAttr) return 0;
        PyObject *asks = PyObject_GetAttr((PyObject *)type, st->s_isTypeAllowed);
        if (!asks) {
            PyErr_Clear();
            return 0;
        }
        Py_DECREF(asks);
        kind = st->taster_kind = asks == st->stock_asks ? 1 : asks == st->dummy_asks ? 2 : 0;
        st->taster_version = type->tp_version_tag;
    }
    if (kind && type->tp_dictoffset) {
        PyObject *own = PyObject_GenericGetDict(taster, NULL);
        if (!own) {
            PyErr_Clear();
            return 0;
        }
#if PY_VERSION_HEX < 0x030C0000
        if (((PyDictObject *)own)->ma_version_tag == st->taster_own_version) {
            Py_DECREF(own);
            return kind;
        }
#endif
        int shadowed = PyDict_Contains(own, st->s_isTypeAllowed);
#if PY_VERSION_HEX < 0x030C0000
        if (!shadowed && PyDict_CheckExact(own)) st->taster_own_version = ((PyDictObject *)own)->ma_version_tag;
#endif
        Py_DECREF(own);
        if (shadowed) return shadowed < 0 ? -1 : 0;
    }
    return kind;
}

/* ---- The tables of a connection: what core.tables does, without a call for each object of many. ---- */

static int is_stock_method(State *st, PyTypeObject *type, PyObject *name, PyObject *stock_name);

#define SLOT_OF(object, slotted, which) (*(PyObject **)((char *)(object) + (slotted).at[which]))

enum { LOCAL_OBJECT, LOCAL_PERSPECTIVE, LOCAL_PUID, LOCAL_REFCOUNT, LOCAL_SLOTS };
enum { TABLE_LOCALS, TABLE_IDS, TABLE_SLOTS };

/* Whether a class is the one that STOCK has under that name, with these slots where they were. */
static int learn_slots(State *st, Slotted *slotted, PyTypeObject *type, PyObject *stock_name, PyObject *const *names,
                       int count) {
    PyObject *stock = PyDict_GetItemWithError(st->g_STOCK, stock_name);
    if (!stock && PyErr_Occurred()) return -1;
    if ((PyObject *)type != stock) return 0;
    for (int i = 0; i < count; i++) {
        PyObject *found = PyObject_GetAttr((PyObject *)type, names[i]);
        if (!found) {
            if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
            PyErr_Clear();
            return 0;
        }
        PyMemberDescrObject *member = Py_IS_TYPE(found, &PyMemberDescr_Type) ? (PyMemberDescrObject *)found : NULL;
        int good = member && PyDescr_TYPE(member) == type && member->d_member->type == MEMBER_OBJECT;
        if (good) slotted->at[i] = member->d_member->offset;
        Py_DECREF(found);
        if (!good) return 0;
    }
    slotted->version = type->tp_version_tag;
    return 1;
}

static inline int is_known(const Slotted *slotted, PyTypeObject *type) {
    return slotted->version && slotted->version == type->tp_version_tag;
}

/* Whether a class is tables.Local, as it was made. */
static inline int is_local(State *st, PyTypeObject *type) {
    if (is_known(&st->local, type)) return 1;
    PyObject *const names[LOCAL_SLOTS] = {st->s_object, st->s_perspective, st->s_puid, st->s_refcount};
    return learn_slots(st, &st->local, type, st->s_local, names, LOCAL_SLOTS);
}

/* Whether a class is tables.LocalTable, with its own methods. */
static inline int is_table(State *st, PyTypeObject *type) {
    if (is_known(&st->table, type)) return 1;
    PyObject *const names[TABLE_SLOTS] = {st->s_locals, st->s_ids};
    Slotted found;
    int stock = learn_slots(st, &found, type, st->s_local_table, names, TABLE_SLOTS);
    if (stock > 0) stock = is_stock_method(st, type, st->s_release, st->s_table_release);
    if (stock > 0) stock = is_stock_method(st, type, st->s_hold, st->s_table_hold);
    if (stock > 0) st->table = found;
    return stock;
}

/* Whether a class is tables.Registrations. */
static inline int is_registrations(State *st, PyTypeObject *type) {
    if (is_known(&st->registrations, type)) return 1;
    return learn_slots(st, &st->registrations, type, st->s_registrations, &st->s_made, 1);
}

/* The dictionaries of a table, if it is one as it was made and they are dictionaries.  They are borrowed. */
static int open_table(State *st, PyObject *table, PyObject **locals, PyObject **ids) {
    int stock = is_table(st, Py_TYPE(table));
    if (stock <= 0) return stock;
    *locals = SLOT_OF(table, st->table, TABLE_LOCALS);
    *ids = SLOT_OF(table, st->table, TABLE_IDS);
    return *locals && *ids && PyDict_CheckExact(*locals) && PyDict_CheckExact(*ids);
}

/* A Local counts so many more, if its count is a number as it should be. */
static int count_local(State *st, PyObject *local, int more, long *count) {
    int overflow, stock = is_local(st, Py_TYPE(local));
    if (stock <= 0) return stock;
    PyObject *refcount = SLOT_OF(local, st->local, LOCAL_REFCOUNT);
    if (!refcount || !PyLong_CheckExact(refcount)) return 0;
    *count = PyLong_AsLongAndOverflow(refcount, &overflow);
    if (overflow || *count == LONG_MIN || *count == LONG_MAX) return 0;
    if (!(refcount = PyLong_FromLong(*count += more))) return -1;
    Py_SETREF(SLOT_OF(local, st->local, LOCAL_REFCOUNT), refcount);
    return 1;
}

/* An object leaves the table, with its key if that leads to its id. */
static int forget_local(PyObject *locals, PyObject *ids, PyObject *luid, PyObject *puid) {
    PyObject *known = PyLong_CheckExact(puid) ? Py_XNewRef(PyDict_GetItemWithError(ids, puid)) : NULL;
    /* The id that a key leads to is the very object that is the key of the other dictionary: it is found sooner by that. */
    int overflow = 0, other = 0, same = 0, failed = !known && PyErr_Occurred();
    if (known && PyLong_CheckExact(known))
        same = PyLong_AsLongAndOverflow(known, &overflow) == PyLong_AsLongAndOverflow(luid, &other) && !overflow && !other;
    failed = failed || PyDict_DelItem(locals, same ? known : luid);
    if (!failed && !known) {
        /* Looking up what is not a number may fail, which it does when the object has left. */
        known = Py_XNewRef(PyDict_GetItemWithError(ids, puid));
        failed = !known && PyErr_Occurred();
    }
    if (!failed && known && !same) failed = (same = PyObject_RichCompareBool(known, luid, Py_EQ)) < 0;
    if (!failed && same) failed = PyDict_DelItem(ids, puid);
    Py_XDECREF(known);
    return failed ? -1 : 0;
}

/* LocalTable.release, where the table and what it has under the id are stock.  1: it was done, and *last is the Local if
   that was the last, else NULL; 0: nothing was done, and it is LocalTable's to do, or to refuse; -1: an error. */
static int release_local(State *st, PyObject *table, PyObject *luid, int forget, PyObject **last) {
    *last = NULL;
    if (!PyLong_CheckExact(luid)) return 0;
    PyObject *locals, *ids;
    int stock = open_table(st, table, &locals, &ids);
    if (stock <= 0) return stock;
    Py_INCREF(locals);
    Py_INCREF(ids);
    int result = -1;
    PyObject *local = Py_XNewRef(PyDict_GetItemWithError(locals, luid)), *puid = NULL;
    if (!local) {
        if (!PyErr_Occurred()) result = 0;
        goto done;
    }
    if ((stock = is_local(st, Py_TYPE(local))) <= 0) {
        result = stock;
        goto done;
    }
    long count;
    puid = Py_XNewRef(SLOT_OF(local, st->local, LOCAL_PUID));
    if (!puid || (result = count_local(st, local, -1, &count)) <= 0) {
        if (!puid) result = 0;
        goto done;
    }
    if (count > 0) goto done;
    if (forget && forget_local(locals, ids, luid, puid))
        result = -1;
    else
        *last = Py_NewRef(local);
done:
    Py_DECREF(locals);
    Py_DECREF(ids);
    Py_XDECREF(local);
    Py_XDECREF(puid);
    return result;
}

/* What registering references takes, looked up once for many. */
typedef struct {
    char known, stock; /* whether it was looked up, and whether all of it is stock */
    PyObject *own;     /* the broker's attributes */
    PyObject *exports, *locals, *ids, *made, *unique_id, *local;
    long long most;
    uint64_t version; /* of the attributes, when the connection was there last */
} Registrar;

static void registrar_end(Registrar *registrar) {
    registrar->known = registrar->stock = 0;
    Py_CLEAR(registrar->own);
    Py_CLEAR(registrar->exports);
    Py_CLEAR(registrar->locals);
    Py_CLEAR(registrar->ids);
    Py_CLEAR(registrar->made);
    Py_CLEAR(registrar->unique_id);
    Py_CLEAR(registrar->local);
}

static inline int is_true(PyObject *value) {
    if (!value || value == Py_False || value == Py_None) return 0;
    int truth = PyObject_IsTrue(value);
    if (truth < 0) PyErr_Clear();
    return truth > 0;
}

/* Whether a name is that of a mere attribute: nothing is called when it is read or set. */
static int is_attribute(PyTypeObject *type, PyObject *name) {
    PyObject *found;
    if (Py_IS_TYPE(type, &PyType_Type)) {
        /* A descriptor that has nothing to give to a class is there nevertheless. */
        found = _PyType_Lookup(type, name);
        return !found || (!Py_TYPE(found)->tp_descr_get && !Py_TYPE(found)->tp_descr_set);
    }
    found = PyObject_GetAttr((PyObject *)type, name);
    if (!found) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
        PyErr_Clear();
        return 1;
    }
    int plain = !Py_TYPE(found)->tp_descr_get && !Py_TYPE(found)->tp_descr_set;
    Py_DECREF(found);
    return plain;
}

/* Whether a class of brokers registers references with Broker's own methods, and has no properties where they look. */
static int registers(State *st, PyTypeObject *type) {
    if (type->tp_version_tag && type->tp_version_tag == st->registering_version) return 1;
    if (type->tp_getattro != PyObject_GenericGetAttr || type->tp_setattro != PyObject_GenericSetAttr) return 0;
    int stock = is_stock_method(st, type, st->s_registerReference, st->s_register_reference);
    if (stock > 0) stock = is_stock_method(st, type, st->s_newLocalID, st->s_new_local_id);
    PyObject *const names[] = {st->s_disconnected, st->s__exports, st->s_limits, st->s__registrations, st->s_currentLocalID};
    for (int i = 0; stock > 0 && i < 5; i++) stock = is_attribute(type, names[i]);
    if (stock > 0) st->registering_version = type->tp_version_tag;
    return stock;
}

/* The most references that a broker has the peer hold: its limit, or that of the module. */
static int find_most(State *st, PyObject *broker, PyObject *function, long long *most) {
    PyObject *limits = PyObject_GetAttr(broker, st->s_limits);
    PyObject *limit = limits ? PyObject_GetAttr(limits, st->s_references) : NULL;
    Py_XDECREF(limits);
    if (!limit) return -1;
    if (limit == Py_None) {
        Py_DECREF(limit);
        if (!PyFunction_Check(function)) return 0;
        limit = Py_XNewRef(PyDict_GetItemWithError(PyFunction_GET_GLOBALS(function), st->s_MAX_BROKER_REFS));
        if (!limit) return PyErr_Occurred() ? -1 : 0;
    }
    int good = PyLong_CheckExact(limit) || (PyFloat_CheckExact(limit) && !isnan(PyFloat_AS_DOUBLE(limit)));
    if (good && bound_of(limit, 0, most)) good = -1;
    Py_DECREF(limit);
    return good;
}

/* Whether references can be registered here, with the broker that all of it comes from. */
static int find_registrar(State *st, PyObject *broker, Registrar *registrar) {
    registrar_end(registrar);
    registrar->known = 1;
    int stock = registers(st, Py_TYPE(broker));
    if (stock <= 0) return stock;
    PyObject *own = registrar->own = PyObject_GenericGetDict(broker, NULL);
    if (!own) {
        PyErr_Clear();
        return 0;
    }
    PyObject *const methods[] = {st->s_registerReference, st->s_newLocalID};
    for (int i = 0; i < 2; i++) {
        int shadowed = PyDict_Contains(own, methods[i]);
        if (shadowed) return shadowed < 0 ? -1 : 0;
    }
    if (is_true(PyDict_GetItemWithError(own, st->s_disconnected)) || PyErr_Occurred()) return PyErr_Occurred() ? -1 : 0;
    registrar->exports = Py_XNewRef(PyDict_GetItemWithError(own, st->s__exports));
    if (!registrar->exports) return PyErr_Occurred() ? -1 : 0;
    stock = open_table(st, registrar->exports, &registrar->locals, &registrar->ids);
    if (stock <= 0) {
        registrar->locals = registrar->ids = NULL;
        return stock;
    }
    Py_INCREF(registrar->locals);
    Py_INCREF(registrar->ids);
    PyObject *noted = PyObject_GetAttr(broker, st->s__registrations);
    if (!noted) return -1;
    if (noted != Py_None) {
        stock = is_registrations(st, Py_TYPE(noted));
        PyObject *made = stock > 0 ? SLOT_OF(noted, st->registrations, 0) : NULL;
        if (made && PyList_CheckExact(made)) registrar->made = Py_NewRef(made);
    }
    Py_DECREF(noted);
    if (stock <= 0 || (noted != Py_None && !registrar->made)) return stock < 0 ? -1 : 0;
    PyObject *function = PyDict_GetItemWithError(st->g_STOCK, st->s_register_reference);
    registrar->unique_id = Py_XNewRef(PyDict_GetItemWithError(st->g_STOCK, st->s_unique_id));
    registrar->local = Py_XNewRef(PyDict_GetItemWithError(st->g_STOCK, st->s_local));
    if (!function || !registrar->unique_id || !registrar->local) return PyErr_Occurred() ? -1 : 0;
    Py_INCREF(function);
    stock = find_most(st, broker, function, &registrar->most);
    Py_DECREF(function);
    if (stock > 0) registrar->stock = 1;
    return stock;
}

/* Whether the connection has its table still: what ran since the last reference may have ended it. */
static int is_there(State *st, Registrar *registrar) {
    uint64_t version = dictionary_version(registrar->own);
    if (version && version == registrar->version) return 1;
    if (is_true(PyDict_GetItemWithError(registrar->own, st->s_disconnected)) ||
        PyDict_GetItemWithError(registrar->own, st->s__exports) != registrar->exports)
        return PyErr_Occurred() ? -1 : 0;
    registrar->version = version;
    return 1;
}

/* Broker.registerReference, for an object whose processUniqueID() is its address.  1: it was done, and *number is its id,
   a new reference; 0: nothing was done, and it is the broker's to do, or to refuse; -1: an error. */
static int register_reference(State *st, PyObject *broker, Registrar *registrar, PyObject *object, PyObject **number) {
    if (!registrar->known && find_registrar(st, broker, registrar) < 0) return -1;
    if (!registrar->stock) return 0;
    int result = -1;
    long count;
    int there = is_there(st, registrar);
    if (there <= 0) return there;
    PyObject *locals = registrar->locals, *ids = registrar->ids, *puid = PyLong_FromVoidPtr(object);
    PyObject *luid = puid ? Py_XNewRef(PyDict_GetItemWithError(ids, puid)) : NULL, *local = NULL;
    if (luid) {
        local = PyLong_CheckExact(luid) ? Py_XNewRef(PyDict_GetItemWithError(locals, luid)) : NULL;
        result = local ? count_local(st, local, 1, &count) : PyErr_Occurred() ? -1 : 0;
    } else if (puid && !PyErr_Occurred()) {
        result = 0;
        if (PyDict_GET_SIZE(locals) > registrar->most) goto done;
        PyObject *last = PyDict_GetItemWithError(registrar->own, st->s_currentLocalID);
        int overflow = 0, none = !last && !PyErr_Occurred();
        if (none) last = PyObject_GetAttr((PyObject *)Py_TYPE(broker), st->s_currentLocalID);
        long current = last && PyLong_CheckExact(last) ? PyLong_AsLongAndOverflow(last, &overflow) : LONG_MAX;
        if (none) Py_XDECREF(last);
        if (!last) result = -1;
        PyTypeObject *cls = (PyTypeObject *)registrar->local;
        if (!last || overflow || current == LONG_MAX) goto done;
        if ((result = is_local(st, cls)) <= 0) goto done;
        result = -1;
        if (!(luid = PyLong_FromLong(current + 1)) || PyDict_SetItem(registrar->own, st->s_currentLocalID, luid))
            goto done;
        registrar->version = dictionary_version(registrar->own);
        if (!(local = cls->tp_alloc(cls, 0))) goto done;
        SLOT_OF(local, st->local, LOCAL_OBJECT) = Py_NewRef(object);
        SLOT_OF(local, st->local, LOCAL_PERSPECTIVE) = Py_NewRef(Py_None);
        SLOT_OF(local, st->local, LOCAL_PUID) = Py_NewRef(puid);
        SLOT_OF(local, st->local, LOCAL_REFCOUNT) = PyLong_FromLong(1);
        if (!PyDict_SetItem(locals, luid, local) && !PyDict_SetItem(ids, puid, luid)) result = 1;
    }
    if (result > 0 && registrar->made)
        if (PyList_Append(registrar->made, registrar->exports) || PyList_Append(registrar->made, luid)) result = -1;
done:
    Py_XDECREF(puid);
    Py_XDECREF(local);
    if (result <= 0) Py_CLEAR(luid);
    *number = luid;
    return result;
}

/* Whether what an object has under that name is that function, as a method of its own. */
static inline int has_method(PyObject *object, PyObject *name, PyObject *function) {
    PyObject *found = NULL;
#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000
    int unbound = _PyObject_GetMethod(object, name, &found);
#else
    int unbound = 0;
    found = PyObject_GetAttr(object, name);
#endif
    if (!found) return -1;
    int same = unbound ? found == function
                       : PyMethod_Check(found) && PyMethod_GET_FUNCTION(found) == function &&
                             PyMethod_GET_SELF(found) == object;
    Py_DECREF(found);
    return same;
}

static PyObject *release(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    static const char *const names[] = {"table", "luid", "forget"};
    State *st = state_of(module);
    PyObject *given[3], *last;
    if (take_args("release", names, args, count, keywords, 2, 3, given)) return NULL;
    if (!given[2]) given[2] = Py_False;
    int forget = PyObject_IsTrue(given[2]), done = forget < 0 ? -1 : release_local(st, given[0], given[1], forget, &last);
    if (done < 0) return NULL;
    if (!done) return PyObject_CallMethodObjArgs(given[0], st->s_release, given[1], given[2], NULL);
    return last ? last : Py_NewRef(Py_None);
}

/* ---- References that are collected. ---- */

/* What _flow.Output counts: numbers of bytes, each the sum of many small ones. */
typedef struct {
    PyObject_HEAD
    Py_ssize_t size, answers, replied, spared;
} Tally;

static PyMemberDef tally_members[] = {
    {"_size", T_PYSSIZET, offsetof(Tally, size), 0, "Bytes that were gathered."},
    {"answers", T_PYSSIZET, offsetof(Tally, answers), 0, "Bytes of answers that the transport may not have sent."},
    {"replied", T_PYSSIZET, offsetof(Tally, replied), 0, "Bytes of answers since ever."},
    {"spared", T_PYSSIZET, offsetof(Tally, spared), 0, "Bytes that were said in the course of answers of the peer's."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot tally_slots[] = {
    {Py_tp_doc, "Numbers of bytes; see `spreadlite.core.codec.Tally`."},
    {Py_tp_members, tally_members},
    {0, NULL},
};

static PyType_Spec tally_spec = {
    "spreadlite.core._compiled.Tally",
    sizeof(Tally),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    tally_slots,
};

/* The most that is counted here, so that sums of some are numbers too. */
#define COUNTED (PY_SSIZE_T_MAX / 8)

static inline int can_count(Py_ssize_t count) { return count >= -COUNTED && count <= COUNTED; }

enum { OUTPUT_CHUNKS, OUTPUT_GATHERING, OUTPUT_FIRST, OUTPUT_PASSING, OUTPUT_SLOTS };

/* Whether a class is _flow.Output, with its own methods, and what it counts is counted by Tally. */
static int is_output(State *st, PyTypeObject *type) {
    if (is_known(&st->output, type)) return 1;
    PyObject *const names[OUTPUT_SLOTS] = {st->s__chunks, st->s_gathering, st->s__first, st->s__passing};
    PyObject *const counts[] = {st->s__size, st->s_answers, st->s_replied, st->s_spared};
    Slotted found;
    int stock = learn_slots(st, &found, type, st->s_output, names, OUTPUT_SLOTS);
    for (int i = 0; stock > 0 && i < 4; i++) {
        PyObject *count = _PyType_Lookup(type, counts[i]);
        stock = count && Py_IS_TYPE(count, &PyMemberDescr_Type) && PyDescr_TYPE(count) == st->Tally;
    }
    if (stock > 0) stock = is_stock_method(st, type, st->s_write, st->s_output_write);
    if (stock > 0) stock = is_stock_method(st, type, st->s_write_parts, st->s_output_write_parts);
    if (stock > 0) stock = is_stock_method(st, type, st->s_gather, st->s_output_gather);
    if (stock > 0) stock = is_stock_method(st, type, st->s_flush, st->s_output_flush);
    if (stock > 0) stock = is_stock_method(st, type, st->s_drop, st->s_output_drop);
    if (stock > 0) stock = is_stock_method(st, type, st->s__give, st->s_output_give);
    if (stock > 0) stock = is_stock_method(st, type, st->s_heard, st->s_output_heard);
    if (stock > 0) st->output = found;
    return stock;
}

/* Whether a class has what a reference's end looks at as mere attributes. */
static int is_reference(State *st, PyTypeObject *type) {
    if (type->tp_version_tag && type->tp_version_tag == st->way.reference) return 1;
    int plain = type->tp_getattro == PyObject_GenericGetAttr;
    PyObject *const names[] = {st->s_doRefCount, st->s_broker, st->s_luid};
    for (int i = 0; plain > 0 && i < 3; i++) plain = is_attribute(type, names[i]);
    if (plain > 0) st->way.reference = type->tp_version_tag;
    return plain;
}

/* Whether a class of brokers tells of references that are gone by Broker's own methods. */
static int says_itself(State *st, PyTypeObject *type) {
    if (type->tp_version_tag && type->tp_version_tag == st->way.broker) return 1;
    if (type->tp_getattro != PyObject_GenericGetAttr) return 0;
    int stock = is_stock_method(st, type, st->s_sendDecRef, st->s_send_decref);
    if (stock > 0) stock = is_stock_method(st, type, st->s__say, st->s_say);
    PyObject *const names[] = {st->s__stock,   st->s__deaf,    st->s_currentDialect, st->s_prefixLimit,       st->s_limits,
                               st->s__output, st->s__receiving, st->s__symbols,       st->s_outgoingVocabulary};
    for (int i = 0; stock > 0 && i < 9; i++) stock = is_attribute(type, names[i]);
    st->way.own = 0;
    if (stock > 0) st->way.broker = type->tp_version_tag;
    return stock;
}

/* What is in the broker's own attributes: 1 if it is as it is in the middle of a reading. */
static int find_own_way(State *st, PyObject *broker, PyObject *own) {
    Way *way = &st->way;
    if (way->own && way->own == dictionary_version(own)) return 1;
    way->own = 0;
    int there = PyDict_Contains(own, st->s_sendDecRef);
    if (!there) there = PyDict_Contains(own, st->s__say);
    if (there) return there < 0 ? -1 : 0;
    PyObject *names[] = {st->s__stock, st->s__receiving, st->s__deaf, st->s__symbols, st->s_currentDialect,
                         st->s_prefixLimit, st->s_limits, st->s__output, st->s_outgoingVocabulary};
    PyObject *found[9];
    for (int i = 0; i < 9; i++) {
        found[i] = PyDict_GetItemWithError(own, names[i]);
        if (!found[i] && PyErr_Occurred()) return -1;
    }
    if (found[0] != Py_True || (found[1] != Py_True && found[1] != Py_False) || (found[2] && found[2] != Py_False)) return 0;
    if (!found[4] || !PyBytes_CheckExact(found[4]) || strcmp(PyBytes_AS_STRING(found[4]), "pb")) return 0;
    if (!found[5] || !PyLong_CheckExact(found[5])) return 0;
    long long prefix;
    if (bound_of(found[5], 0, &prefix)) return -1;
    /* These limits are never less than one message needs; what somebody has in their place may be. */
    if (prefix < 10 || !found[6] || Py_TYPE(found[6]) != Py_TYPE(st->default_limits) || !found[7]) return 0;
    int answers = found[1] == Py_True;
    uint64_t version = dictionary_version(own);
    PyObject *output = Py_NewRef(found[7]), *words = Py_XNewRef(found[3] && found[3] != Py_None ? found[3] : found[8]);
    /* The class's, which has them for as long as it has its version. */
    if (!words) words = PyObject_GetAttr((PyObject *)Py_TYPE(broker), st->s_outgoingVocabulary);
    int stock = words ? is_output(st, Py_TYPE(output)) : -1;
    /* Looking at classes may have called something that has put another there. */
    if (stock > 0 && PyDict_GetItemWithError(own, st->s__output) != output) stock = 0;
    if (stock > 0) {
        way->answers = answers;
        way->output = output;
        way->words = words;
        way->own = version;
    }
    Py_DECREF(output);
    Py_XDECREF(words);
    return stock;
}

static PyObject *module_of(PyObject *globals, PyObject *name) {
    PyObject *module = PyDict_GetItemWithError(globals, name);
    return module && PyModule_Check(module) ? PyModule_GetDict(module) : NULL;
}

/* What is in the modules that sendDecRef and Output are in, and whether this is the thread that talks to the peer. */
static int find_module_way(State *st) {
    Way *way = &st->way;
    PyObject *number;
    if (!way->module_of) {
        PyObject *say = PyDict_GetItemWithError(st->g_STOCK, st->s_send_decref);
        if (!say || !PyFunction_Check(say)) return 0;
        way->module_of = Py_NewRef(PyFunction_GET_GLOBALS(say));
    }
    if (!way->module || way->module != dictionary_version(way->module_of)) {
        way->module = way->flow = way->limits = way->threads = 0;
        PyObject *globals = way->module_of;
        PyObject *threads = module_of(globals, st->s_threadable), *limits = module_of(globals, st->s_banana);
        PyObject *write = PyDict_GetItemWithError(st->g_STOCK, st->s_output_write);
        if (!threads || !limits || !write || !PyFunction_Check(write)) return 0;
        Py_XSETREF(way->threads_of, Py_NewRef(threads));
        Py_XSETREF(way->flow_of, Py_NewRef(PyFunction_GET_GLOBALS(write)));
        Py_XSETREF(way->limits_of, Py_NewRef(limits));
        way->module = dictionary_version(way->module_of);
    }
    if (!way->flow || way->flow != dictionary_version(way->flow_of)) {
        way->flow = 0;
        number = PyDict_GetItemWithError(way->flow_of, st->s__GATHERED);
        if (!number || !PyLong_CheckExact(number) || bound_of(number, 0, &way->most)) return 0;
        way->flow = dictionary_version(way->flow_of);
    }
    if (!way->limits || way->limits != dictionary_version(way->limits_of)) {
        long long limit;
        way->limits = 0;
        number = PyDict_GetItemWithError(way->limits_of, st->s_SIZE_LIMIT);
        if (!number || !PyLong_CheckExact(number) || bound_of(number, 0, &limit) || limit < LONGEST_WORD) return 0;
        way->limits = dictionary_version(way->limits_of);
    }
    if (!way->threads || way->threads != dictionary_version(way->threads_of)) {
        way->threads = 0;
        number = PyDict_GetItemWithError(way->threads_of, st->s_ioThread);
        if (!number || !PyLong_CheckExact(number)) return 0;
        way->thread = PyLong_AsUnsignedLong(number);
        if (way->thread == (unsigned long)-1 && PyErr_Occurred()) return -1;
        way->threads = dictionary_version(way->threads_of);
    }
    return way->thread == PyThread_get_thread_ident();
}

/* Output.write, for what is short, while it gathers and has nothing to pass on after it.  What is said one after the other
   is gathered in one bytearray. */
static int gather(State *st, PyObject *output, const byte *data, Py_ssize_t length, long long most, int answer) {
    PyObject *chunks = SLOT_OF(output, st->output, OUTPUT_CHUNKS);
    if (SLOT_OF(output, st->output, OUTPUT_GATHERING) != Py_True || !chunks || !PyList_CheckExact(chunks)) return 0;
    Tally *tally = (Tally *)output;
    if (tally->size < 0 || tally->size > most - length || !can_count(tally->answers)) return 0;
    Py_ssize_t count = PyList_GET_SIZE(chunks);
    PyObject *last = count ? PyList_GET_ITEM(chunks, count - 1) : NULL;
    if (last && PyByteArray_CheckExact(last)) {
        Py_ssize_t before = PyByteArray_GET_SIZE(last);
        if (PyByteArray_Resize(last, before + length)) return -1;
        memcpy(PyByteArray_AS_STRING(last) + before, data, (size_t)length);
    } else {
        last = PyByteArray_FromStringAndSize((const char *)data, length);
        int failed = !last || PyList_Append(chunks, last);
        Py_XDECREF(last);
        if (failed) return -1;
    }
    tally->size += length;
    if (answer) tally->answers += length;
    return 1;
}

/* ---- What is said, on its way to the system: what _flow.Output does with little of it and Twisted's own transports. ---- */

/* Whether what was called gave something true; -1 and an error if it failed. */
static int is_true_that(PyObject *given) {
    int truth = given ? PyObject_IsTrue(given) : -1;
    Py_XDECREF(given);
    return truth;
}

/* Whether a class of transports is Twisted's, and sends by nothing else than its socket's `send`. */
static int sends_itself(State *st, PyTypeObject *type) {
    if (type->tp_version_tag && type->tp_version_tag == st->sending_version) return 1;
    st->sending_version = 0;
    if (type->tp_getattro != PyObject_GenericGetAttr) return 0;
    PyObject *function = PyDict_GetItemWithError(st->g_STOCK, st->s_sends_itself);
    PyObject *socket_type = PyDict_GetItemWithError(st->g_STOCK, st->s_socket_type);
    if (!function || !socket_type) return PyErr_Occurred() ? -1 : 0;
    Py_XSETREF(st->socket_type, Py_NewRef(socket_type));
    int good = is_true_that(PyObject_CallOneArg(function, (PyObject *)type));
    PyObject *const names[] = {st->s_dataBuffer,    st->s__tempDataBuffer,    st->s_producer,  st->s_connected,
                               st->s_disconnecting, st->s__writeDisconnected, st->s__aborting, st->s_TLS,
                               st->s_socket};
    for (int i = 0; good > 0 && i <= SENDING; i++) good = is_attribute(type, names[i]);
    for (int i = 0; good > 0 && i < SENDING; i++) {
        PyObject *value = PyObject_GetAttr((PyObject *)type, names[i]);
        if (!value) {
            if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
            PyErr_Clear();
            st->sending_default[i] = i == S_TLS || i == S_ABORTING ? 0 : -1;
            continue;
        }
        int truth = i == S_PRODUCER ? value != Py_None : PyObject_IsTrue(value);
        Py_DECREF(value);
        if (truth < 0) return -1;
        st->sending_default[i] = (signed char)truth;
    }
    if (good > 0) st->sending_version = type->tp_version_tag;
    return good;
}

/* Whether an attribute that a transport is asked for is true, or there at all if it is its producer; -1 where it is to be
   asked by Python. */
static inline int transport_has(State *st, PyObject *own, PyObject *name, int which) {
    PyObject *value = PyDict_GetItemWithError(own, name);
    if (!value) return PyErr_Occurred() ? -1 : st->sending_default[which];
    if (which == S_PRODUCER) return value != Py_None;
    if (value == Py_False || value == Py_None) return 0;
    if (value == Py_True) return 1;
    if (PyBytes_CheckExact(value)) return PyBytes_GET_SIZE(value) > 0;
    if (PyList_CheckExact(value)) return PyList_GET_SIZE(value) > 0;
    return PyLong_CheckExact(value) ? PyObject_IsTrue(value) : -1;
}

/* Whether the versions are those of what is known. */
static int is_known_transport(State *st, PyObject *transport, PyObject *own) {
    const Sending *known = &st->sending;
    uint64_t version = dictionary_version(own);
    return version && version == known->own && Py_TYPE(transport)->tp_version_tag == known->type && known->type &&
           st->way.flow_of && dictionary_version(st->way.flow_of) == known->flow;
}

/* Whether _flow.is_plain is ours, and says yes of a transport by which can be sent here; 0 where it is to be asked. */
static int is_plain_transport(State *st, PyObject *transport) {
    unsigned int type = Py_TYPE(transport)->tp_version_tag;
    PyObject *own = NULL;
    /* Of another class, it may have no dictionary. */
    if (type && type == st->sending.type && !(own = PyObject_GenericGetDict(transport, NULL))) return -1;
    int good = own && is_known_transport(st, transport, own);
    Py_XDECREF(own);
    if (good) return 1;
    PyObject *stock = PyDict_GetItemWithError(st->g_STOCK, st->s_is_plain);
    if (!stock || !st->way.flow_of || PyDict_GetItemWithError(st->way.flow_of, st->s_is_plain) != stock) return 0;
    good = sends_itself(st, Py_TYPE(transport));
    if (good <= 0) return good;
    own = PyObject_GenericGetDict(transport, NULL);
    if (!own) return -1;
    if (transport_has(st, own, st->s_TLS, S_TLS)) good = 0;
    if (good) good = !PyDict_Contains(own, st->s_write);
    Py_DECREF(own);
    return PyErr_Occurred() ? -1 : good;
}

/* The socket of a transport to which something may be given at once, which is as is_plain_transport says; NULL, perhaps with
   an error, where Output is to see to it. */
static PyObject *socket_of(State *st, PyObject *transport) {
    PyObject *own = PyObject_GenericGetDict(transport, NULL), *socket = NULL;
    unsigned int type = Py_TYPE(transport)->tp_version_tag;
    if (own && is_known_transport(st, transport, own)) {
        if (!PyList_GET_SIZE(st->sending.later)) socket = Py_NewRef(st->sending.socket);
    } else if (own && type && type == st->sending_version && !PyDict_Contains(own, st->s_write) &&
        !transport_has(st, own, st->s_dataBuffer, S_BUFFER) &&
        !transport_has(st, own, st->s__tempDataBuffer, S_LATER) && !transport_has(st, own, st->s_producer, S_PRODUCER) &&
        transport_has(st, own, st->s_connected, S_CONNECTED) > 0 &&
        !transport_has(st, own, st->s_disconnecting, S_DISCONNECTING) &&
        !transport_has(st, own, st->s__writeDisconnected, S_SHUT) && !transport_has(st, own, st->s__aborting, S_ABORTING) &&
        !transport_has(st, own, st->s_TLS, S_TLS) &&
        !PyDict_Contains(own, st->s_writeSomeData)) {
        socket = PyDict_GetItemWithError(own, st->s_socket);
        if (socket) socket = (PyObject *)Py_TYPE(socket) == st->socket_type ? Py_NewRef(socket) : NULL;
        /* What it is asked for is in its class, or cannot change, but for a list. */
        PyObject *later = socket ? PyDict_GetItemWithError(own, st->s__tempDataBuffer) : NULL;
        PyObject *buffer = later ? PyDict_GetItemWithError(own, st->s_dataBuffer) : NULL;
        Sending found = {dictionary_version(own), dictionary_version(st->way.flow_of), type, later, socket};
        st->sending.own = 0;
        /* A finalizer may have run, and put another is_plain there, since that was asked. */
        int lasts = found.own && later && PyList_CheckExact(later) && (!buffer || PyBytes_CheckExact(buffer))
                        ? is_plain_transport(st, transport)
                        : 0;
        if (lasts > 0) st->sending = found;
        if (lasts < 0) PyErr_Clear();
    }
    Py_XDECREF(own);
    return socket;
}

/* Output.flush. */
static int flush(State *st, PyObject *output, PyObject *transport) {
    PyObject *chunks, *data, *socket, *none, *after = NULL;
    Py_ssize_t size = 0, sent = 0;
    int failed = 0, plain = is_plain_transport(st, transport);
    if (plain < 0) goto failed;
    if (SLOT_OF(output, st->output, OUTPUT_PASSING) != Py_False) goto other;
    chunks = SLOT_OF(output, st->output, OUTPUT_CHUNKS);
    if (!chunks || !PyList_CheckExact(chunks)) goto other;
    if (!PyList_GET_SIZE(chunks)) goto gathered;
    /* Before the rest, for making a list may run finalizers, which may say something. */
    if (!plain) goto other;
    if (!(after = PyList_New(0))) {
        /* Output says what becomes of it; in any case it gathers no more. */
        PyErr_Clear();
        goto other;
    }
    chunks = SLOT_OF(output, st->output, OUTPUT_CHUNKS);
    if (!chunks || !PyList_CheckExact(chunks) || PyList_GET_SIZE(chunks) != 1) goto other;
    data = PyList_GET_ITEM(chunks, 0);
    size = PyByteArray_CheckExact(data) ? PyByteArray_GET_SIZE(data) : PyBytes_CheckExact(data) ? PyBytes_GET_SIZE(data) : 0;
    if (!size || size > LARGE) goto other;
    if (!(socket = socket_of(st, transport))) {
        if (PyErr_Occurred()) goto failed;
        goto other;
    }
    SLOT_OF(output, st->output, OUTPUT_CHUNKS) = after;
    after = NULL;
    ((Tally *)output)->size = 0;
    Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_PASSING), Py_NewRef(Py_True));
    PyObject *taken = PyObject_CallMethodOneArg(socket, st->s_send, data);
    Py_DECREF(socket);
    if (taken) {
        sent = PyLong_CheckExact(taken) ? PyLong_AsSsize_t(taken) : 0;
        Py_DECREF(taken);
    } else if (PyErr_ExceptionMatches(PyExc_OSError))
        /* It takes nothing now, or the connection is broken, which the reactor finds out by itself. */
        PyErr_Clear();
    else
        failed = 1;
    if (!failed && sent != size) {
        taken = PyLong_FromSsize_t(sent);
        none = taken ? PyObject_CallMethodObjArgs(output, st->s__rest, transport, data, taken, NULL) : NULL;
        Py_XDECREF(taken);
        Py_XDECREF(none);
        failed = !none;
    }
    Py_DECREF(chunks);
    Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_PASSING), Py_NewRef(Py_False));
    chunks = SLOT_OF(output, st->output, OUTPUT_CHUNKS);
    if (!failed && (!chunks || !PyList_CheckExact(chunks) || PyList_GET_SIZE(chunks))) goto other;
gathered:
    Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_GATHERING), Py_NewRef(Py_False));
    Py_XDECREF(after);
    return failed ? -1 : 0;
other:
    Py_XDECREF(after);
    none = PyObject_CallMethodOneArg(output, st->s_flush, transport);
    Py_XDECREF(none);
    return none ? 0 : -1;
failed:
    Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_GATHERING), Py_NewRef(Py_False));
    Py_XDECREF(after);
    return -1;
}

/* Output.gather. */
static int begin_gathering(State *st, PyObject *output, PyObject *transport) {
    int plain = is_plain_transport(st, transport);
    if (plain < 0) return -1;
    if (plain) {
        Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_FIRST), Py_NewRef(Py_True));
        Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_GATHERING), Py_NewRef(Py_True));
        return 0;
    }
    PyObject *none = PyObject_CallMethodOneArg(output, st->s_gather, transport);
    Py_XDECREF(none);
    return none ? 0 : -1;
}

/* Output.write, of what is short and said first after a reading.  1: it was; 0: nothing was done. */
static int say_first(State *st, PyObject *output, PyObject *transport, const Out *out, int answers) {
    Py_INCREF(transport);
    int plain = is_plain_transport(st, transport);
    if (plain <= 0) {
        Py_DECREF(transport);
        return plain;
    }
    Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_FIRST), Py_NewRef(Py_False));
    Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_GATHERING), Py_NewRef(Py_True));
    int done = gather(st, output, out->data, out->length, LARGE, answers);
    if (done <= 0) {
        Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_FIRST), Py_NewRef(Py_True));
        Py_XSETREF(SLOT_OF(output, st->output, OUTPUT_GATHERING), Py_NewRef(Py_False));
    } else if (flush(st, output, transport))
        done = -1;
    Py_DECREF(transport);
    return done;
}

/* RemoteReference.__del__, where all of it is stock and the broker is just reading.  1: it was done; 0: nothing was; -1: an
   error. */
static int let_go(State *st, PyObject *reference) {
    int result = is_reference(st, Py_TYPE(reference));
    if (result <= 0) return result;
    PyObject *counted = PyObject_GenericGetAttr(reference, st->s_doRefCount), *broker = NULL, *luid = NULL, *own = NULL;
    PyObject *output = NULL, *words = NULL;
    result = -1;
    if (!counted) goto done;
    result = 0;
    if (!PyLong_CheckExact(counted)) goto done;
    if (!PyObject_IsTrue(counted)) {
        result = 1;
        goto done;
    }
    result = -1;
    if (!(broker = PyObject_GenericGetAttr(reference, st->s_broker)) ||
        !(luid = PyObject_GenericGetAttr(reference, st->s_luid)))
        goto done;
    int overflow = 0;
    long number = PyLong_CheckExact(luid) ? PyLong_AsLongAndOverflow(luid, &overflow) : -1;
    result = 0;
    if (number < 0 || number > 0x7FFFFFFF || overflow) goto done;
    if ((result = says_itself(st, Py_TYPE(broker))) <= 0) goto done;
    if (!(own = PyObject_GenericGetDict(broker, NULL))) {
        result = -1;
        goto done;
    }
    if ((result = find_own_way(st, broker, own)) <= 0) goto done;
    output = Py_NewRef(st->way.output);
    words = Py_NewRef(st->way.words);
    int answers = st->way.answers;
    if ((result = is_stock(st, words, 0)) <= 0 || (result = find_module_way(st)) <= 0) goto done;
    byte data[24];
    Py_ssize_t length = PyBytes_GET_SIZE(st->w_decref);
    memcpy(data, PyBytes_AS_STRING(st->w_decref), (size_t)length);
    do data[length++] = number & 0x7F;
    while (number >>= 7);
    data[length++] = INT;
    result = gather(st, output, data, length, st->way.most, answers);
done:
    Py_XDECREF(output);
    Py_XDECREF(words);
    Py_XDECREF(own);
    Py_XDECREF(luid);
    Py_XDECREF(broker);
    Py_XDECREF(counted);
    return result;
}

/* A method like a function of a class, which it calls where the short way cannot be taken. */
typedef struct {
    PyObject_HEAD
    PyObject *function, *dictionary, *weak;
    /* Of what makes calls, the dictionaries where SIZE_LIMIT and Deferred are found; else NULL. */
    PyObject *sizes, *deferreds;
    vectorcallfunc vectorcall;
} Method;

static PyObject *method_get(PyObject *self, PyObject *object, PyObject *Py_UNUSED(type)) {
    return !object || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static int method_traverse(Method *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->function);
    Py_VISIT(self->dictionary);
    Py_VISIT(self->sizes);
    Py_VISIT(self->deferreds);
    return 0;
}

static int method_clear(Method *self) {
    Py_CLEAR(self->function);
    Py_CLEAR(self->dictionary);
    Py_CLEAR(self->sizes);
    Py_CLEAR(self->deferreds);
    return 0;
}

static void method_dealloc(Method *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weak) PyObject_ClearWeakRefs((PyObject *)self);
    method_clear(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMemberDef method_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Method, vectorcall), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(Method, dictionary), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Method, weak), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef method_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot method_slots[] = {
    {Py_tp_doc, "Does what a function of a class does."},
    {Py_tp_dealloc, method_dealloc},
    {Py_tp_traverse, method_traverse},
    {Py_tp_clear, method_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, method_get},
    {Py_tp_members, method_members},
    {Py_tp_getset, method_getset},
    {0, NULL},
};

static PyType_Spec method_spec = {
    "spreadlite.core._compiled.Method",
    sizeof(Method),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
        Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    method_slots,
};

static Method *new_method(PyObject *module, PyObject *function, vectorcallfunc vectorcall) {
    Method *self = PyObject_GC_New(Method, state_of(module)->Method);
    if (!self) return NULL;
    self->function = Py_NewRef(function);
    self->dictionary = self->weak = self->sizes = self->deferreds = NULL;
    self->vectorcall = vectorcall;
    PyObject_GC_Track(self);
    return self;
}

/* The state, or NULL: as Python ends, the module may have been cleared. */
static State *method_state(PyObject *self) {
    State *st = state_of_type(Py_TYPE(self));
    if (!st) PyErr_Clear();
    return st && st->w_decref ? st : NULL;
}

/* Calls the function, if that is still there. */
static PyObject *method_function(PyObject *self, PyObject *const *args, size_t flags, PyObject *keywords) {
    PyObject *function = ((Method *)self)->function;
    if (!function) Py_RETURN_NONE;
    return PyObject_Vectorcall(function, args, flags, keywords);
}

static PyObject *finalizer_call(PyObject *self, PyObject *const *args, size_t flags, PyObject *keywords) {
    State *st = method_state(self);
    if (st && PyVectorcall_NARGS(flags) == 1 && !keywords) {
        int done = let_go(st, args[0]);
        if (done > 0) Py_RETURN_NONE;
        PyErr_Clear();
    }
    return method_function(self, args, flags, keywords);
}

static PyObject *finalizer(PyObject *module, PyObject *function) {
    return (PyObject *)new_method(module, function, finalizer_call);
}

/* ---- Place: what the Python jellier has in its memo for an object that was written here. ---- */

typedef struct {
    PyObject_HEAD
    Py_ssize_t entry;
    PyObject *number; /* the id that the jellier gave it, or NULL */
} Place;

static void place_dealloc(Place *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->number);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* The jellier says ``made[:] = [b"reference", number, made[:]]``.  The number is all that is needed. */
static PyObject *place_get(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(key)) { Py_RETURN_NONE; }

static int place_set(Place *self, PyObject *Py_UNUSED(key), PyObject *value) {
    if (value && PyList_CheckExact(value) && PyList_GET_SIZE(value) == 3)
        Py_XSETREF(self->number, Py_NewRef(PyList_GET_ITEM(value, 1)));
    return 0;
}

static PyType_Slot place_slots[] = {
    {Py_tp_doc, "Stands in a jellier's memo for an object whose expression is not a list."},
    {Py_tp_dealloc, place_dealloc},
    {Py_mp_subscript, place_get},
    {Py_mp_ass_subscript, place_set},
    {0, NULL},
};

static PyType_Spec place_spec = {
    "spreadlite.core._compiled.Place",
    sizeof(Place),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    place_slots,
};

/* ---- Objects to expressions (jelly), or at once to bytes (pack). ----
 *
 * The memo tells what was met before.  graph rewrites the expression of an object that is met again in place; here the
 * object's entry gets the number, and the rewriting is done at the end: in bytes, ``[reference number`` is put in
 * front.  What a hook returns is a hole in the bytes, filled at the end, because it may be rewritten until then.
 *
 * The memo is a table of this file until the first hook needs a jellier.  From then on it is the jellier's own, in which
 * what was written here has a `Place`.
 */

typedef struct {
    PyObject *object; /* kept alive: its address is the key */
    PyObject *list;   /* its expression, when lists are made */
    PyObject *again;  /* what stands for it when it is met again, when lists are made */
    Py_ssize_t position, size, written; /* where its bytes begin, the size that its head says, the size that it has */
    long long number; /* its id; 0 if it was not met again */
} Entry;

typedef struct {
    Py_ssize_t position;
    long long level;
    PyObject *expression;
} Hole;

enum { K_HOOK = 1, K_COPY, K_REMOTE, K_BACK, K_LEAF, K_MOMENT, K_NAMED, K_WRITER };

/* What is known of a class, as long as its version is the same. */
typedef struct {
    PyTypeObject *type;
    unsigned int version;
    char kind, stock_tag, stock_state, stock_id;
    PyObject *tag, *writer; /* of a reference, the tag is jellyFor as it is in the beginning */
} Kind;

#define KINDS 8

#define HEAVY 2

typedef struct {
    PyObject *list;
    Py_ssize_t filled, size;
} Build;

typedef struct {
    State *st;
    PyObject *taster, *store, *invoker, *depth;
    int lists;    /* whether lists are made, and not bytes */
    int light;    /* whether to give up where a hook would be called, or bytes are large; HEAVY when that was so */
    int back;     /* whether the peer gets a reference back, which may not be let go of before the message is said */
    int collects; /* whether collections are put off, and to be let on again */
    long long room;
    Out out;
    Build *top;       /* the list that is being filled, when lists are made */
    PyObject *result; /* the outermost one */
    Entry *entries;
    Py_ssize_t count, entry_room;
    Py_ssize_t *table; /* entry + 1 by address, once there are more than a few */
    size_t mask;
    long long cooked;
    int patched;
    Hole *holes;
    Py_ssize_t hole_count, hole_room;
    long long level, deepest, size_limit, prefix_limit;
    PyObject *error; /* the first that wire.encode would raise, and how many holes come before it */
    Py_ssize_t error_holes;
    PyObject *jellier, *preserved, *cooker, *places;
    PyObject *gives; /* the connection whose references may be given also where it is light, borrowed */
    long long first; /* and the last id that it had given before */
    Registrar registrar;
    int some_kinds;
    Kind kinds[KINDS]; /* once there are some */
    Entry few[8];      /* the first of the entries */
} Writer;

static int w_value(Writer *w, PyObject *object);

static void writer_end(Writer *w) {
    for (Py_ssize_t i = 0; i < w->count; i++) {
        Py_DECREF(w->entries[i].object);
        Py_XDECREF(w->entries[i].list);
        Py_XDECREF(w->entries[i].again);
    }
    for (Py_ssize_t i = 0; i < w->hole_count; i++) Py_DECREF(w->holes[i].expression);
    for (int i = 0; i < KINDS && w->some_kinds; i++) {
        Py_XDECREF(w->kinds[i].type);
        Py_XDECREF(w->kinds[i].tag);
        Py_XDECREF(w->kinds[i].writer);
    }
    if (w->entries != w->few) PyMem_Free(w->entries);
    PyMem_Free(w->table);
    PyMem_Free(w->holes);
    Py_XDECREF(w->out.bytes);
    Py_XDECREF(w->result);
    Py_XDECREF(w->error);
    Py_XDECREF(w->jellier);
    Py_XDECREF(w->preserved);
    Py_XDECREF(w->cooker);
    Py_XDECREF(w->places);
    registrar_end(&w->registrar);
}

static inline size_t address_hash(const void *address) {
    uint64_t bits = (uint64_t)(uintptr_t)address >> 4;
    return (size_t)((bits * 0x9E3779B97F4A7C15ull) >> 20);
}

static Entry *find_entry(Writer *w, PyObject *object) {
    if (!w->table) {
        for (Py_ssize_t i = 0; i < w->count; i++)
            if (w->entries[i].object == object) return &w->entries[i];
        return NULL;
    }
    for (size_t at = address_hash(object);; at++) {
        Py_ssize_t entry = w->table[at & w->mask];
        if (!entry) return NULL;
        if (w->entries[entry - 1].object == object) return &w->entries[entry - 1];
    }
}

static void table_add(Writer *w, Py_ssize_t entry) {
    size_t at = address_hash(w->entries[entry].object);
    while (w->table[at & w->mask]) at++;
    w->table[at & w->mask] = entry + 1;
}

static Entry *add_entry(Writer *w, PyObject *object) {
    if (w->count == w->entry_room) {
        Py_ssize_t room = 4 * w->entry_room;
        Entry *more = w->entries == w->few ? PyMem_Malloc(sizeof(Entry) * (size_t)room)
                                           : PyMem_Realloc(w->entries, sizeof(Entry) * (size_t)room);
        if (more) {
            if (w->entries == w->few) memcpy(more, w->few, sizeof(w->few));
            w->entries = more;
            w->entry_room = room;
        }
        Py_ssize_t *table = more ? PyMem_Calloc(2 * (size_t)room, sizeof(*table)) : NULL;
        if (!table) {
            PyErr_NoMemory();
            return NULL;
        }
        PyMem_Free(w->table);
        w->table = table;
        w->mask = 2 * (size_t)room - 1;
        for (Py_ssize_t i = 0; i < w->count; i++) table_add(w, i);
    }
    Entry *entry = &w->entries[w->count++];
    memset(entry, 0, sizeof(*entry));
    entry->object = Py_NewRef(object);
    entry->position = w->out.length;
    if (w->table) table_add(w, w->count - 1);
    return entry;
}

/* An error that only the encoder would find: kept, if it is the first. */
static int defer(Writer *w) {
    if (w->lists || !PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError)) return -1;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (w->error)
        Py_DECREF(error);
    else {
        w->error = error;
        w->error_holes = w->hole_count;
    }
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return 0;
}

static int too_long(Writer *w, const char *format, Py_ssize_t size) {
    PyErr_Format(w->st->BananaError, format, size, w->size_limit);
    return defer(w);
}

/* Takes over the item. */
static int put(Writer *w, PyObject *item) {
    if (!item) return -1;
    Build *top = w->top;
    if (!top) {
        Py_XSETREF(w->result, item);
        return 0;
    }
    if (top->filled < top->size) {
        PyList_SET_ITEM(top->list, top->filled++, item);
        return 0;
    }
    /* More than there was to be, because a hook changed a container while it was written. */
    int failed = PyList_Append(top->list, item);
    Py_DECREF(item);
    top->filled = ++top->size;
    return failed;
}

static inline int w_octets(Writer *w, const char *data, Py_ssize_t length) {
    if (w->light && length > LARGE) {
        /* Packed, it would be copied; in a list, it need not be. */
        w->light = HEAVY;
        return -1;
    }
    int number = word_number(w->st, data, length);
    if (number) return out_head(&w->out, (uint64_t)number, VOCAB);
    if (length > w->size_limit)
        return too_long(w, "a byte string of %zd bytes is too long to send; the limit is %lld", length);
    return out_head(&w->out, (uint64_t)length, STRING) || out_add(&w->out, data, length) ? -1 : 0;
}

static int w_bytes(Writer *w, PyObject *bytes) {
    return w->lists ? put(w, Py_NewRef(bytes)) : w_octets(w, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
}

/* A text, as bytes of UTF-8: its list, up to these; and they too, unless they are none too long to send. */
static inline int w_utf8(Writer *w, const char *data, Py_ssize_t length) {
    State *st = w->st;
    Out *out = &w->out;
    int number = word_number(st, data, length);
    if (!number && length > w->size_limit)
        return out_bytes(out, st->w_unicode) ||
                       too_long(w, "a byte string of %zd bytes is too long to send; the limit is %lld", length)
                   ? -1
                   : 0;
    if (out_room(out, TEXT_HEAD + 12 + length)) return -1;
    byte *at = out->data + out->length;
    memcpy(at, &st->text_head[0], 8);
    memcpy(at + TEXT_HEAD - 8, &st->text_head[1], 8);
    at += TEXT_HEAD;
    if (number) {
        *at++ = (byte)number;
        *at++ = VOCAB;
    } else {
        uint64_t rest = (uint64_t)length;
        do {
            *at++ = rest & 0x7F;
            rest >>= 7;
        } while (rest);
        *at++ = STRING;
        if (length >= 8 && length <= 16) {
            /* As is frequent: both of its ends, which may overlap. */
            memcpy(at, data, 8);
            memcpy(at + length - 8, data + length - 8, 8);
        } else
            memcpy(at, data, (size_t)length);
        at += length;
    }
    out->length = at - out->data;
    return 0;
}

static int w_text(Writer *w, PyObject *text) {
    if (!w->lists && PyUnicode_IS_COMPACT_ASCII(text))
        return w_utf8(w, (const char *)PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text));
    PyObject *bytes = PyUnicode_AsUTF8String(text);
    if (!bytes) return -1;
    if (w->lists) {
        PyObject *list = PyList_New(2);
        if (!list) {
            Py_DECREF(bytes);
            return -1;
        }
        PyList_SET_ITEM(list, 0, Py_NewRef(w->st->head[H_UNICODE]));
        PyList_SET_ITEM(list, 1, bytes);
        return put(w, list);
    }
    int failed = w_utf8(w, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return failed;
}

/* A list of constants: its bytes, or the list anew. */
static int w_constant(Writer *w, PyObject *bytes, PyObject *head, PyObject *word) {
    if (!w->lists) return out_bytes(&w->out, bytes);
    PyObject *list = PyList_New(word ? 2 : 1);
    if (!list) return -1;
    PyList_SET_ITEM(list, 0, Py_NewRef(head));
    if (word) PyList_SET_ITEM(list, 1, Py_NewRef(word));
    return put(w, list);
}

/* An expression that is there as such: encoded at the end, in case it is rewritten until then. */
static int w_hole(Writer *w, PyObject *expression) {
    /* Takes it over. */
    if (w->lists) return put(w, expression);
    if (w->hole_count == w->hole_room) {
        Py_ssize_t room = w->hole_room ? 2 * w->hole_room : 8;
        Hole *more = PyMem_Realloc(w->holes, sizeof(Hole) * (size_t)room);
        if (!more) {
            Py_DECREF(expression);
            PyErr_NoMemory();
            return -1;
        }
        w->holes = more;
        w->hole_room = room;
    }
    w->holes[w->hole_count++] = (Hole){w->out.length, w->level, expression};
    return 0;
}

/* A list of `size` items begins; `build` is where it is kept track of when lists are made. */
static inline int w_begin(Writer *w, Build *build, Py_ssize_t size) {
    if (++w->level > w->deepest) w->deepest = w->level;
    if (!w->lists) {
        if (size < 0x80 && size <= w->size_limit) {
            if (out_room(&w->out, 2)) return -1;
            byte *at = w->out.data + w->out.length;
            at[0] = (byte)size;
            at[1] = LIST;
            w->out.length += 2;
            return 0;
        }
        /* Its head is there nevertheless: `assemble` passes over it. */
        if (size > w->size_limit && too_long(w, "a list of %zd items is too long to send; the limit is %lld", size)) return -1;
        return out_head(&w->out, (uint64_t)size, LIST);
    }
    PyObject *list = PyList_New(size);
    if (!list) return -1;
    /* Not to be seen while it has holes. */
    PyObject_GC_UnTrack(list);
    *build = (Build){list, 0, size};
    return 0;
}

/* The list ends, well or not; takes it over. */
static inline int w_end(Writer *w, Build *build, Build *around, int failed) {
    w->level--;
    if (!w->lists) return failed;
    w->top = around;
    if (!failed && build->filled < build->size)
        failed = PyList_SetSlice(build->list, build->filled, build->size, NULL);
    if (failed) {
        Py_DECREF(build->list);
        return -1;
    }
    PyObject_GC_Track(build->list);
    return put(w, build->list);
}

static PyObject *new_place(State *st, Py_ssize_t entry) {
    Place *place = PyObject_New(Place, st->Place);
    if (!place) return NULL;
    place->entry = entry;
    place->number = NULL;
    return (PyObject *)place;
}

static int set_place(Writer *w, Py_ssize_t index) {
    PyObject *key = PyLong_FromVoidPtr(w->entries[index].object);
    PyObject *place = key ? new_place(w->st, index) : NULL;
    int failed = !place || PyDict_SetItem(w->preserved, key, place) || PyList_Append(w->places, place) ||
                 PyList_Append(w->cooker, w->entries[index].object);
    Py_XDECREF(key);
    Py_XDECREF(place);
    return failed ? -1 : 0;
}

/* The jellier for hooks.  The first time, it is made, and takes over the memo. */
static PyObject *jellier_of(Writer *w) {
    State *st = w->st;
    if (w->jellier) return w->jellier;
    PyObject *cooked = NULL;
    w->jellier = PyObject_CallFunctionObjArgs(st->g_Jellier, w->taster, w->store, w->invoker, w->depth, NULL);
    if (!w->jellier || !(w->preserved = PyObject_GetAttr(w->jellier, st->s_preserved)) ||
        !(w->cooker = PyObject_GetAttr(w->jellier, st->s_cooker)) || !(w->places = PyList_New(0)) ||
        !(cooked = PyObject_GetAttr(w->jellier, st->s_cooked)))
        goto failed;
    /* Numbers count up from one in the order in which they are given, so the order of the entries does not matter. */
    for (Py_ssize_t i = 0; i < w->count; i++) {
        Entry *entry = &w->entries[i];
        if (set_place(w, i)) goto failed;
        if (entry->number) {
            PyObject *key = PyLong_FromVoidPtr(entry->object);
            PyObject *again = entry->again ? Py_NewRef(entry->again)
                                           : Py_BuildValue("[OL]", st->head[H_DEREFERENCE], entry->number);
            int failed = !key || !again || PyDict_SetItem(cooked, key, again);
            Py_XDECREF(key);
            Py_XDECREF(again);
            if (failed) goto failed;
        }
    }
    Py_DECREF(cooked);
    return w->jellier;
failed:
    Py_XDECREF(cooked);
    return NULL;
}

static int set_room(State *st, PyObject *object, long long room) {
    PyObject *value = PyLong_FromLongLong(room);
    int failed = !value || PyObject_SetAttr(object, st->s_room, value);
    Py_XDECREF(value);
    return failed ? -1 : 0;
}

static int get_room(State *st, PyObject *object, long long *room) {
    PyObject *value = PyObject_GetAttr(object, st->s_room);
    int failed = !value || bound_of(value, 0, room);
    Py_XDECREF(value);
    return failed ? -1 : 0;
}

/* Writes what stands for an object that was met before.  1: it was; 0: it was not. */
static int w_seen(Writer *w, PyObject *object) {
    State *st = w->st;
    long long number;
    PyObject *again = NULL;
    if (w->jellier) {
        PyObject *key = PyLong_FromVoidPtr(object);
        if (!key) return -1;
        int there = PyDict_Contains(w->preserved, key);
        if (there > 0) again = PyObject_CallMethodOneArg(w->jellier, st->s_met_again, key);
        Py_DECREF(key);
        if (there <= 0) return there;
        if (!again) return -1;
        if (!w->lists && PyList_CheckExact(again) && PyList_GET_SIZE(again) == 2) {
            int overflow;
            number = PyLong_AsLongLongAndOverflow(PyList_GET_ITEM(again, 1), &overflow);
            Py_DECREF(again);
            if (number == -1 && PyErr_Occurred()) return -1;
        } else
            return w_hole(w, again) ? -1 : 1;
    } else {
        Entry *entry = find_entry(w, object);
        if (!entry) return 0;
        if (!entry->number) {
            entry->number = ++w->cooked;
            w->patched = 1;
            if (w->lists && !(entry->again = Py_BuildValue("[OL]", st->head[H_DEREFERENCE], entry->number))) return -1;
        }
        number = entry->number;
        if (w->lists) return put(w, Py_NewRef(entry->again)) ? -1 : 1;
    }
    return out_bytes(&w->out, st->w_dereference) || out_head(&w->out, (uint64_t)number, number <= 0x7FFFFFFF ? INT : LONGINT)
               ? -1
               : 1;
}

static inline int w_deeper(Writer *w) {
    if (--w->room >= 0) return 0;
    PyErr_Format(w->st->BananaError, "values nested more than %S deep are not sent", w->depth);
    return -1;
}

/* The expression of an object begins here.  Returns its entry's index. */
static Py_ssize_t w_prepare(Writer *w, PyObject *object) {
    if (!add_entry(w, object)) return -1;
    Py_ssize_t index = w->count - 1;
    if (w->jellier && set_place(w, index)) return -1;
    return w_deeper(w) ? -1 : index;
}

static int w_item(Writer *w, PyObject *object, int inner);

/* What is in a container. */
static inline int w_inner(Writer *w, PyObject *object) {
    return PyUnicode_CheckExact(object) ? w_text(w, object) : w_item(w, object, 1);
}

/* `inner`: it is in another container that is being written, and kept by a reference more. */
static int w_container(Writer *w, PyObject *object, int head, int inner) {
    /* What one container alone refers to is met once, as long as no hook can get at it in another way. */
    int once = inner && w->light && Py_REFCNT(object) == 2;
    int seen = once ? 0 : w_seen(w, object);
    if (seen) return seen < 0 ? -1 : 0;
    if (Py_EnterRecursiveCall(" while an object is jellied")) return -1;
    Py_ssize_t size = head == H_DICTIONARY ? PyDict_GET_SIZE(object)
                      : head == H_LIST || head == H_TUPLE ? Py_SIZE(object)
                                                          : PySet_GET_SIZE(object);
    Py_ssize_t written = 0, index = once ? 0 : w_prepare(w, object);
    Build build = {NULL, 0, 0}, *around = w->top;
    int failed = once ? w_deeper(w) : index < 0;
    if (failed || w_begin(w, &build, size + 1)) {
        Py_LeaveRecursiveCall();
        return -1;
    }
    if (w->lists) {
        w->entries[index].list = Py_NewRef(build.list);
        w->top = &build;
        failed = put(w, Py_NewRef(w->st->head[head]));
    } else
        failed = out_bytes(&w->out, w->st->w_head[head]);
    if (failed)
        ;
    else if (head == H_DICTIONARY) {
        PyObject *key, *value;
        Py_ssize_t position = 0;
        while (!failed && PyDict_Next(object, &position, &key, &value)) {
            Build pair = {NULL, 0, 0};
            if (written == size) {
                PyErr_SetString(PyExc_RuntimeError, "dictionary keys changed during iteration");
                failed = 1;
                break;
            }
            Py_INCREF(key);
            Py_INCREF(value);
            failed = w_begin(w, &pair, 2);
            if (!failed) {
                if (w->lists) w->top = &pair;
                failed = w_inner(w, key) || w_inner(w, value);
                failed = w_end(w, &pair, &build, failed);
            }
            Py_DECREF(key);
            Py_DECREF(value);
            written++;
            if (!failed && PyDict_GET_SIZE(object) != size) {
                PyErr_SetString(PyExc_RuntimeError, "dictionary changed size during iteration");
                failed = 1;
            }
        }
    } else if (head == H_LIST || head == H_TUPLE) {
        for (; !failed && written < Py_SIZE(object); written++) {
            PyObject *item = head == H_LIST ? PyList_GET_ITEM(object, written) : PyTuple_GET_ITEM(object, written);
            Py_INCREF(item);
            failed = w_inner(w, item);
            Py_DECREF(item);
        }
    } else {
        PyObject *item, *items = PyObject_GetIter(object);
        failed = !items;
        while (!failed && (item = PyIter_Next(items))) {
            failed = w_inner(w, item);
            Py_DECREF(item);
            written++;
        }
        if (PyErr_Occurred()) failed = 1;
        Py_XDECREF(items);
    }
    if (written != size && once && !failed) {
        /* It has no entry that could say so. */
        w->light = HEAVY;
        failed = 1;
    } else if (written != size && !w->lists && !once) {
        w->entries[index].size = size + 1;
        w->entries[index].written = written + 1;
        w->patched = 1;
        if (!failed && written + 1 > w->size_limit)
            failed = too_long(w, "a list of %zd items is too long to send; the limit is %lld", written + 1);
    }
    w->room++;
    Py_LeaveRecursiveCall();
    return w_end(w, &build, around, failed) ? -1 : 0;
}

/* The same as for a tuple of these, in bytes; `whole` is that tuple, if others may have it, else NULL. */
static int w_arguments(Writer *w, PyObject *whole, PyObject *const *items, Py_ssize_t count) {
    Build build = {NULL, 0, 0};
    if ((whole && !add_entry(w, whole)) || w_deeper(w) || w_begin(w, &build, count + 1)) return -1;
    int failed = out_bytes(&w->out, w->st->w_head[H_TUPLE]);
    for (Py_ssize_t i = 0; !failed && i < count; i++) failed = w_item(w, items[i], 0);
    w->room++;
    return w_end(w, &build, NULL, failed) ? -1 : 0;
}

/* Around code that is not ours. */
static inline void w_leave(Writer *w) { resume_gc(w->collects); }

static inline void w_return(Writer *w) {
    w->registrar.known = 0;
    if (!w->light) w->collects = pause_gc();
}

/* Calls a hook or a writer of graph, with the jellier up to date, and writes what it returns. */
static int w_by_python(Writer *w, PyObject *callable, PyObject *name, PyObject *object) {
    PyObject *jellier = jellier_of(w), *expression;
    if (!jellier || set_room(w->st, jellier, w->room)) return -1;
    w_leave(w);
    if (callable)
        expression = PyObject_CallFunctionObjArgs(callable, jellier, object, NULL);
    else
        expression = PyObject_CallMethodOneArg(object, name, jellier);
    w_return(w);
    if (!expression) return -1;
    if (get_room(w->st, jellier, &w->room)) {
        Py_DECREF(expression);
        return -1;
    }
    return w_hole(w, expression);
}

/* What was written by Python for a leaf: nothing rewrites it, so it is encoded at once. */
static int w_written(Writer *w, PyObject *expression) {
    /* Takes it over. */
    if (!expression) return -1;
    if (w->lists) return put(w, expression);
    Encoder encoder = {w->st, &w->out, w->st->WORDS, 1, w->size_limit, w->prefix_limit, DEEPEST, 0, NULL};
    Py_ssize_t before = w->out.length;
    int result = encode_into(&encoder, expression);
    if (result == ODD) {
        w->out.length = before;
        return w_hole(w, expression);
    }
    Py_DECREF(expression);
    if (result) return defer(w);
    if (w->level + encoder.deepest > w->deepest) w->deepest = w->level + encoder.deepest;
    return 0;
}

static int w_leaf(Writer *w, PyObject *writer, PyObject *object) {
    return w_written(w, PyObject_CallFunctionObjArgs(writer, Py_None, object, NULL));
}

/* ---- Dates and times: a tag, and their numbers in a text. ---- */

/* Bytes of such a text, with the 0 that ends it, at the most. */
#define MOMENT 80

/* The head of a date or time, and its text; -1 if it is none, or graph has to judge. */
static int moment_text(State *st, PyObject *object, char *text) {
    PyTypeObject *type = Py_TYPE(object);
    if (!st->moments) return -1;
    if (type == st->moments->DateTimeType && PyDateTime_DATE_GET_TZINFO(object) == Py_None) {
        snprintf(text, MOMENT, "%d %d %d %d %d %d %s%d", PyDateTime_GET_YEAR(object), PyDateTime_GET_MONTH(object),
                 PyDateTime_GET_DAY(object), PyDateTime_DATE_GET_HOUR(object), PyDateTime_DATE_GET_MINUTE(object),
                 PyDateTime_DATE_GET_SECOND(object), PyDateTime_DATE_GET_FOLD(object) ? "+" : "",
                 PyDateTime_DATE_GET_MICROSECOND(object));
        return H_DATETIME;
    }
    if (type == st->moments->DateType) {
        snprintf(text, MOMENT, "%d %d %d", PyDateTime_GET_YEAR(object), PyDateTime_GET_MONTH(object),
                 PyDateTime_GET_DAY(object));
        return H_DATE;
    }
    if (type == st->moments->TimeType && PyDateTime_TIME_GET_TZINFO(object) == Py_None) {
        snprintf(text, MOMENT, "%d %d %d %s%d", PyDateTime_TIME_GET_HOUR(object), PyDateTime_TIME_GET_MINUTE(object),
                 PyDateTime_TIME_GET_SECOND(object), PyDateTime_TIME_GET_FOLD(object) ? "+" : "",
                 PyDateTime_TIME_GET_MICROSECOND(object));
        return H_TIME;
    }
    if (type == st->moments->DeltaType) {
        snprintf(text, MOMENT, "%d %d %d", PyDateTime_DELTA_GET_DAYS(object), PyDateTime_DELTA_GET_SECONDS(object),
                 PyDateTime_DELTA_GET_MICROSECONDS(object));
        return H_TIMEDELTA;
    }
    return -1;
}

static int w_moment(Writer *w, PyObject *writer, PyObject *object) {
    State *st = w->st;
    char text[MOMENT];
    int head = moment_text(st, object, text);
    if (head < 0 || w->size_limit < MOMENT || w->prefix_limit < 2) return w_leaf(w, writer, object);
    Py_ssize_t length = (Py_ssize_t)strlen(text);
    if (w->lists) return put(w, Py_BuildValue("[Oy#]", st->head[head], text, length));
    if (w->level + 1 > w->deepest) w->deepest = w->level + 1;
    return out_head(&w->out, 2, LIST) || out_bytes(&w->out, st->w_head[head]) ||
                   out_head(&w->out, (uint64_t)length, STRING) || out_add(&w->out, text, length)
               ? -1
               : 0;
}

/* The numbers in a text, `most` at the most, of nine digits at the most; and whether the last has a plus sign.  Returns how
   many there are, or -1 if graph has to judge. */
static int moment_numbers(const byte *text, Py_ssize_t length, int most, int numbers[], int *plus) {
    int count = 0;
    const byte *end = text + length;
    *plus = 0;
    while (text < end) {
        int negative = *text == '-', number = 0, digits = 0;
        *plus = *text == '+';
        if (negative || *plus) text++;
        for (; text < end && *text >= '0' && *text <= '9'; text++, digits++) {
            if (digits == 9) return -1;
            number = number * 10 + (*text - '0');
        }
        if (!digits || count == most) return -1;
        numbers[count++] = negative ? -number : number;
        /* One space, and something after it. */
        if (text < end && (*text++ != ' ' || text == end)) return -1;
        if (text < end && *plus) return -1;
    }
    return count;
}

/* ``[datetime text]`` and the like, from the text; NULL without an error for what graph has to judge. */
static PyObject *read_moment(State *st, int head, const byte *text, Py_ssize_t length) {
    PyDateTime_CAPI *api = st->moments;
    int n[7] = {0}, plus, count, most = head == H_DATETIME ? 7 : head == H_TIME ? 4 : 3;
    if (!api || length >= MOMENT || (count = moment_numbers(text, length, most, n, &plus)) < 0) return NULL;
    if (count < (head == H_TIME ? 0 : 3) || (plus && (count != most || most == 3))) return NULL;
    PyObject *value = NULL;
    if (head == H_DATETIME)
        value = api->DateTime_FromDateAndTimeAndFold(n[0], n[1], n[2], n[3], n[4], n[5], n[6], Py_None, plus,
                                                     api->DateTimeType);
    else if (head == H_DATE)
        value = api->Date_FromDate(n[0], n[1], n[2], api->DateType);
    else if (head == H_TIME)
        value = api->Time_FromTimeAndFold(n[0], n[1], n[2], n[3], Py_None, plus, api->TimeType);
    else
        value = api->Delta_FromDelta(n[0], n[1], n[2], 1, api->DeltaType);
    if (!value && (PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_OverflowError))) PyErr_Clear();
    return value;
}

/* Whether what a class has under that name is what STOCK has under the other. */
static int is_stock_method(State *st, PyTypeObject *type, PyObject *name, PyObject *stock_name) {
    PyObject *stock = PyDict_GetItemWithError(st->g_STOCK, stock_name);
    if (!stock) return PyErr_Occurred() ? -1 : 0;
    PyObject *found = PyObject_GetAttr((PyObject *)type, name);
    if (!found) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(found);
    return found == stock;
}

/* Whether a class has slots, as flavors finds them; 1 too if flavors is not there to tell. */
static int has_slots(State *st, PyTypeObject *type) {
    PyObject *names = PyDict_GetItemWithError(st->g_STOCK, st->s_slot_names);
    if (!names) return PyErr_Occurred() ? -1 : 1;
    names = PyObject_CallOneArg(names, (PyObject *)type);
    if (!names) return -1;
    int some = PyObject_IsTrue(names);
    Py_DECREF(names);
    return some;
}

/* Whether nobody is asked for anything in an instance: a number, a date or a time.  Classes, functions and modules may
   have a way of their own to say what they are called. */
static int is_figure(State *st, PyTypeObject *type) {
    PyDateTime_CAPI *moments = st->moments;
    return type == st->Decimal || (moments && (type == moments->DateTimeType || type == moments->DateType ||
                                               type == moments->TimeType || type == moments->DeltaType));
}

/* Whether a class's instances are given back as RemoteReference's are, and looking at them has no effects. */
static int gives_back(State *st, PyTypeObject *type) {
    if (type->tp_version_tag && type->tp_version_tag == st->returning_version) return 1;
    if (!Py_IS_TYPE(type, &PyType_Type) || type->tp_getattro != PyObject_GenericGetAttr) return 0;
    int stock = is_stock_method(st, type, st->s_jellyFor, st->s_reference_jelly);
    if (stock > 0) stock = is_attribute(type, st->s_broker);
    if (stock > 0) stock = is_attribute(type, st->s_luid);
    if (stock > 0) st->returning_version = type->tp_version_tag;
    return stock;
}

static int find_kind(Writer *w, Kind *kind, PyObject *object) {
    State *st = w->st;
    PyTypeObject *type = Py_TYPE(object);
    Py_CLEAR(kind->type);
    Py_CLEAR(kind->tag);
    Py_CLEAR(kind->writer);
    PyObject *writer = Py_XNewRef(PyDict_GetItemWithError(st->g_WRITERS, (PyObject *)type));
    if (!writer) {
        if (PyErr_Occurred() || !(writer = PyObject_CallOneArg(st->g_find_writer, (PyObject *)type))) return -1;
    }
    kind->writer = writer;
    kind->stock_tag = kind->stock_state = kind->stock_id = 0;
    if (writer != st->g_write_jellyable) {
        int leaf = PySet_Contains(st->g_LEAF_WRITERS, writer);
        if (leaf < 0) return -1;
        char moment[MOMENT];
        kind->kind = !leaf                                  ? K_WRITER
                     : moment_text(st, object, moment) >= 0 ? K_MOMENT
                     : is_figure(st, type)                  ? K_LEAF
                                                            : K_NAMED;
    } else {
        kind->kind = K_HOOK;
        int copy = is_stock_method(st, type, st->s_jellyFor, st->s_copyable_jelly);
        int remote = copy ? 0 : is_stock_method(st, type, st->s_jellyFor, st->s_referenceable_jelly);
        int back = copy || remote ? 0 : gives_back(st, type);
        if (copy < 0 || remote < 0 || back < 0) return -1;
        if (back) {
            kind->kind = K_BACK;
            kind->tag = Py_XNewRef(PyDict_GetItemWithError(st->g_STOCK, st->s_reference_jelly));
            if (!kind->tag) return -1;
        }
        if (remote) {
            kind->kind = K_REMOTE;
            kind->tag = Py_XNewRef(PyDict_GetItemWithError(st->g_STOCK, st->s_referenceable_jelly));
            if (!kind->tag) return -1;
            int id = is_stock_method(st, type, st->s_processUniqueID, st->s_unique_id);
            if (id < 0) return -1;
            kind->stock_id = id && type->tp_getattro == PyObject_GenericGetAttr;
        }
        if (copy && type->tp_getattro == PyObject_GenericGetAttr) {
            kind->kind = K_COPY;
            int tag = is_stock_method(st, type, st->s_getTypeToCopyFor, st->s_copyable_type_for);
            if (tag > 0) tag = is_stock_method(st, type, st->s_getTypeToCopy, st->s_copyable_type);
            int state = is_stock_method(st, type, st->s_getStateToCopyFor, st->s_copyable_state_for);
            if (state > 0) state = is_stock_method(st, type, st->s_getStateToCopy, st->s_copyable_state);
            int slots = state > 0 ? has_slots(st, type) : 0;
            if (tag < 0 || state < 0 || slots < 0) return -1;
            kind->stock_state = state && !slots && type->tp_dictoffset;
            if (tag) {
                PyObject *cls = PyObject_GetAttr(object, st->s___class__);
                if (!cls) return -1;
                if (cls == (PyObject *)type) {
                    PyObject *name = PyObject_CallOneArg(st->qual, cls);
                    kind->tag = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8String(name) : NULL;
                    Py_XDECREF(name);
                    kind->stock_tag = kind->tag != NULL;
                    /* A name that cannot be sent is the hook's to refuse, at the time when it would. */
                    if (!kind->tag) PyErr_Clear();
                }
                Py_DECREF(cls);
            }
        }
    }
    kind->type = (PyTypeObject *)Py_NewRef(type);
    kind->version = type->tp_version_tag;
    return 0;
}

static int w_remote(Writer *w, PyObject *object, int stock_id) {
    PyObject *number = NULL;
    int done = 0;
    if (stock_id) {
        if (!w->registrar.known && find_registrar(w->st, w->invoker, &w->registrar) < 0) return -1;
        if (w->registrar.stock) done = has_method(object, w->st->s_processUniqueID, w->registrar.unique_id);
        if (done > 0) done = register_reference(w->st, w->invoker, &w->registrar, object, &number);
        if (done < 0) return -1;
    }
    if (!done) {
        w_leave(w);
        number = PyObject_CallMethodOneArg(w->invoker, w->st->s_registerReference, object);
        w_return(w);
        if (!number) return -1;
    }
    if (w->lists || !PyLong_CheckExact(number)) {
        PyObject *list = PyList_New(2);
        if (!list) {
            Py_DECREF(number);
            return -1;
        }
        PyList_SET_ITEM(list, 0, Py_NewRef(PyList_GET_ITEM(w->st->w_remote, 0)));
        PyList_SET_ITEM(list, 1, number);
        return w_hole(w, list);
    }
    if (w->level + 1 > w->deepest) w->deepest = w->level + 1;
    int failed = out_bytes(&w->out, w->st->w_remote_head);
    if (!failed && out_int(w->st, &w->out, number, w->prefix_limit)) failed = defer(w);
    Py_DECREF(number);
    return failed ? -1 : 0;
}

/* A reference that its owner gets back, in a message that is written without hooks.  1: it is written; 0: that is out of the
   ordinary; -1: an error. */
static int w_back(Writer *w, const Kind *kind, PyObject *object) {
    State *st = w->st;
    int done = has_method(object, st->s_jellyFor, kind->tag);
    if (done <= 0) return done;
    PyObject *broker = PyObject_GetAttr(object, st->s_broker), *luid = broker ? PyObject_GetAttr(object, st->s_luid) : NULL;
    done = 0;
    if (!luid)
        PyErr_Clear();
    else if (broker == w->gives && PyLong_CheckExact(luid)) {
        if (w->level + 1 > w->deepest) w->deepest = w->level + 1;
        int failed = out_bytes(&w->out, st->w_local_head);
        if (!failed && out_int(st, &w->out, luid, w->prefix_limit)) failed = defer(w);
        w->back = 1;
        done = failed ? -1 : 1;
    }
    Py_XDECREF(broker);
    Py_XDECREF(luid);
    return done;
}

/* A Referenceable in a message that is written without hooks: nothing comes of giving it but what can be taken back.  1: it
   is written; 0: that is out of the ordinary; -1: an error. */
static int w_given(Writer *w, Kind *kind, PyObject *object) {
    State *st = w->st;
    Registrar *registrar = &w->registrar;
    PyObject *number = NULL;
    if (!w->gives || kind->kind != K_REMOTE || !kind->stock_id) return 0;
    int done = has_method(object, st->s_jellyFor, kind->tag);
    if (done <= 0) return done;
    if (!registrar->known) {
        int failed = find_registrar(st, w->gives, registrar) < 0;
        /* Where something else is being serialised around this, that is who notes it, and takes it back. */
        int within = registrar->made != NULL;
        Py_CLEAR(registrar->made);
        if (failed) return -1;
        PyObject *last = registrar->stock ? PyObject_GetAttr(w->gives, st->s_currentLocalID) : NULL;
        int overflow = 1;
        w->first = last && PyLong_CheckExact(last) ? PyLong_AsLongLongAndOverflow(last, &overflow) : -1;
        Py_XDECREF(last);
        if (PyErr_Occurred()) return -1;
        if (overflow || w->first < 0 || within) registrar->stock = 0;
        if (registrar->stock && !(registrar->made = PyList_New(0))) return -1;
    }
    if (!registrar->stock) return 0;
    done = has_method(object, st->s_processUniqueID, registrar->unique_id);
    if (done > 0) done = register_reference(st, w->gives, registrar, object, &number);
    if (done <= 0) return done;
    if (w->level + 1 > w->deepest) w->deepest = w->level + 1;
    int failed = out_bytes(&w->out, st->w_remote_head);
    if (!failed && out_int(st, &w->out, number, w->prefix_limit)) failed = defer(w);
    Py_DECREF(number);
    return failed ? -1 : 1;
}

/* What was given, as is noted in `made`, is not sent: it is as if nothing had been given since the id `first`. */
static void take_back(State *st, PyObject *broker, PyObject *made, long long first) {
    if (!made || !PyList_GET_SIZE(made)) return;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    /* The ids that were new, each of which is one more than the one before. */
    long long last = first;
    int alone = 1;
    for (Py_ssize_t i = 1; i < PyList_GET_SIZE(made); i += 2) {
        long long luid = PyLong_AsLongLong(PyList_GET_ITEM(made, i));
        if (luid > last) {
            if (luid != last + 1) alone = 0;
            last = luid;
        }
    }
    PyObject *cls = PyDict_GetItemWithError(st->g_STOCK, st->s_registrations);
    PyObject *registrations = cls ? PyObject_CallNoArgs(cls) : NULL, *none = NULL, *now = NULL, *then = NULL;
    if (registrations && !PyObject_SetAttr(registrations, st->s_made, made))
        none = PyObject_CallMethodOneArg(broker, st->s__takeBack, registrations);
    /* Those that somebody else was given since, as by a finalizer that called the peer, are in the table still. */
    for (Py_ssize_t i = 1; none && alone && i < PyList_GET_SIZE(made); i += 2) {
        PyObject *luid = PyList_GET_ITEM(made, i), *locals, *ids;
        if (PyLong_AsLongLong(luid) > first)
            alone = open_table(st, PyList_GET_ITEM(made, i - 1), &locals, &ids) > 0 && !PyDict_Contains(locals, luid);
    }
    if (none && (now = PyObject_GetAttr(broker, st->s_currentLocalID)) && PyLong_CheckExact(now) && alone &&
        PyLong_AsLongLong(now) == last && (then = PyLong_FromLongLong(first)))
        /* Else somebody else has taken an id since. */
        (void)PyObject_SetAttr(broker, st->s_currentLocalID, then);
    Py_XDECREF(registrations);
    Py_XDECREF(none);
    Py_XDECREF(now);
    Py_XDECREF(then);
    PyErr_Restore(type, error, trace);
}

/* A copy whose jellyFor is Copyable's: what that does, with the parts that are overridden called. */
static int w_copy(Writer *w, Kind *kind, PyObject *object) {
    State *st = w->st;
    int stock_state = kind->stock_state;
    PyObject *tag = kind->stock_tag ? Py_NewRef(kind->tag) : NULL, *state = NULL;
    PyObject *perspective = PyObject_GetAttr(w->invoker, st->s_serializingPerspective);
    int result = -1;
    if (!perspective) goto done;
    if (!tag) {
        w_leave(w);
        tag = PyObject_CallMethodOneArg(object, st->s_getTypeToCopyFor, perspective);
        w_return(w);
        if (tag && PyUnicode_Check(tag)) Py_SETREF(tag, PyUnicode_AsUTF8String(tag));
        if (!tag) goto done;
    }
    if (stock_state)
        state = PyObject_GetAttr(object, st->s___dict__);
    else {
        w_leave(w);
        state = PyObject_CallMethodOneArg(object, st->s_getStateToCopyFor, perspective);
        w_return(w);
    }
    if (!state || Py_EnterRecursiveCall(" while an object is jellied")) goto done;
    Py_ssize_t index = w_prepare(w, object);
    Build build = {NULL, 0, 0}, *around = w->top;
    if (index >= 0 && !w_begin(w, &build, 2)) {
        if (w->lists) {
            w->entries[index].list = Py_NewRef(build.list);
            w->top = &build;
        }
        int failed = PyBytes_CheckExact(tag) ? w_bytes(w, tag) : w_hole(w, Py_NewRef(tag));
        failed = failed || w_value(w, state);
        w->room++;
        result = w_end(w, &build, around, failed) ? -1 : 0;
    }
    Py_LeaveRecursiveCall();
done:
    Py_XDECREF(perspective);
    Py_XDECREF(tag);
    Py_XDECREF(state);
    return result;
}

/* Whether an instance has an attribute of its own by the name of a hook. */
static int is_shadowed(State *st, PyObject *object) {
    if (!Py_TYPE(object)->tp_dictoffset) return 0;
    PyObject *own = PyObject_GenericGetDict(object, NULL);
    if (!own) {
        PyErr_Clear();
        return 1;
    }
    PyObject *names[] = {st->s_jellyFor, st->s_getTypeToCopyFor, st->s_getTypeToCopy, st->s_getStateToCopyFor,
                         st->s_getStateToCopy};
    int found = 0;
    for (int i = 0; i < 5 && !found; i++) found = PyDict_Contains(own, names[i]);
    Py_DECREF(own);
    return found;
}

static int w_other(Writer *w, PyObject *object) {
    State *st = w->st;
    PyTypeObject *type = Py_TYPE(object);
    if (!w->some_kinds) memset(w->kinds, 0, sizeof(w->kinds));
    w->some_kinds = 1;
    Kind *kind = &w->kinds[address_hash(type) % KINDS];
    if (kind->type != type || !kind->version || kind->version != type->tp_version_tag)
        if (find_kind(w, kind, object)) return -1;
    if (kind->kind == K_MOMENT) return w_moment(w, kind->writer, object);
    if (kind->kind == K_LEAF) return w_leaf(w, kind->writer, object);
    if (kind->kind == K_NAMED && !w->light) {
        PyObject *writer = Py_NewRef(kind->writer);
        w_leave(w);
        PyObject *expression = PyObject_CallFunctionObjArgs(writer, Py_None, object, NULL);
        w_return(w);
        Py_DECREF(writer);
        return w_written(w, expression);
    }
    if (w->light) {
        int given = kind->kind == K_BACK && w->gives ? w_back(w, kind, object) : w_given(w, kind, object);
        if (!given) w->light = HEAVY;
        return given > 0 ? 0 : -1;
    }
    if (kind->kind == K_WRITER) {
        PyObject *writer = Py_NewRef(kind->writer);
        int failed = w_by_python(w, writer, NULL, object);
        Py_DECREF(writer);
        return failed;
    }
    int seen = w_seen(w, object);
    if (seen) return seen < 0 ? -1 : 0;
    if (kind->kind == K_REMOTE) {
        /* A method of the instance's own, or one that a __getattribute__ gives, is the hook then. */
        PyObject *stock = Py_NewRef(kind->tag);
        int stock_id = kind->stock_id, ours = type->tp_getattro == PyObject_GenericGetAttr;
        if (!ours) w_leave(w);
        int stocked = has_method(object, st->s_jellyFor, stock);
        if (!ours) w_return(w);
        Py_DECREF(stock);
        if (stocked < 0) return -1;
        if (stocked && w->invoker != Py_None) return w_remote(w, object, stock_id);
    } else if (kind->kind == K_COPY && w->invoker != Py_None) {
        int shadowed = is_shadowed(st, object);
        if (shadowed < 0) return -1;
        if (!shadowed) return w_copy(w, kind, object);
    }
    return w_by_python(w, NULL, st->s_jellyFor, object);
}

static int w_item(Writer *w, PyObject *object, int inner) {
    State *st = w->st;
    PyTypeObject *type = Py_TYPE(object);
    if (type == &PyUnicode_Type) return w_text(w, object);
    if (type == &PyLong_Type) {
        if (w->lists) return put(w, Py_NewRef(object));
        return out_int(st, &w->out, object, w->prefix_limit) ? defer(w) : 0;
    }
    if (type == &PyDict_Type) return w_container(w, object, H_DICTIONARY, inner);
    if (type == &PyList_Type) return w_container(w, object, H_LIST, inner);
    if (type == &PyTuple_Type) return w_container(w, object, H_TUPLE, inner);
    if (type == &PyBytes_Type) return w_bytes(w, object);
    if (object == Py_None) return w_constant(w, st->w_none, st->head[H_NONE], NULL);
    if (object == Py_True) return w_constant(w, st->w_true, st->head[H_BOOLEAN], st->true_word);
    if (object == Py_False) return w_constant(w, st->w_false, st->head[H_BOOLEAN], st->false_word);
    if (type == &PyFloat_Type) {
        if (w->lists) return put(w, Py_NewRef(object));
        return out_float(&w->out, PyFloat_AS_DOUBLE(object));
    }
    if (type == &PySet_Type) return w_container(w, object, H_SET, inner);
    if (type == &PyFrozenSet_Type) return w_container(w, object, H_FROZENSET, inner);
    return w_other(w, object);
}

static int w_value(Writer *w, PyObject *object) { return w_item(w, object, 0); }

static int writer_start(Writer *w, State *st, PyObject *taster, PyObject *store, PyObject *invoker, PyObject *depth) {
    memset(w, 0, offsetof(Writer, kinds));
    w->st = st;
    w->taster = taster;
    w->store = store;
    w->invoker = invoker;
    w->depth = depth;
    w->entries = w->few;
    w->entry_room = 8;
    if (bound_of(depth, 0, &w->room)) return -1;
    /* So that there is something below. */
    if (w->room < 0) w->room = 0;
    return 0;
}

/* The numbers that the jellier gave come to the entries. */
static int take_numbers(Writer *w) {
    for (Py_ssize_t i = 0; w->places && i < PyList_GET_SIZE(w->places); i++) {
        Place *place = (Place *)PyList_GET_ITEM(w->places, i);
        if (place->number) {
            int overflow;
            w->entries[place->entry].number = PyLong_AsLongLongAndOverflow(place->number, &overflow);
            if (PyErr_Occurred()) return -1;
            w->patched = 1;
        }
    }
    return 0;
}

/* Lists: those that were met again become references. */
static int refer(Writer *w) {
    for (Py_ssize_t i = 0; i < w->count; i++) {
        Entry *entry = &w->entries[i];
        if (!entry->number || !entry->list) continue;
        Py_ssize_t size = PyList_GET_SIZE(entry->list);
        PyObject *content = PyList_GetSlice(entry->list, 0, size);
        PyObject *made = content ? Py_BuildValue("[OLO]", w->st->head[H_REFERENCE], entry->number, content) : NULL;
        int failed = !made || PyList_SetSlice(entry->list, 0, size, made);
        Py_XDECREF(content);
        Py_XDECREF(made);
        if (failed) return -1;
    }
    return 0;
}

/* Bytes: what was written, with references put in and holes filled. */
static int assemble(Writer *w) {
    State *st = w->st;
    Out out;
    Py_ssize_t from = 0, entry = 0, hole = 0;
    if (out_start(&out, w->out.length + 64 * w->hole_count + 8 * (Py_ssize_t)w->cooked + 64)) return -1;
    for (;;) {
        while (entry < w->count && !w->entries[entry].number && !w->entries[entry].written) entry++;
        Entry *next = entry < w->count ? &w->entries[entry] : NULL;
        Hole *gap = hole < w->hole_count ? &w->holes[hole] : NULL;
        if (!next && !gap) break;
        /* A hole at the same place was there before. */
        if (gap && (!next || gap->position <= next->position)) {
            if (w->error && hole >= w->error_holes) break;
            if (out_add(&out, w->out.data + from, gap->position - from)) goto failed;
            from = gap->position;
            Encoder encoder = {st, &out, st->WORDS, 1, w->size_limit, w->prefix_limit, DEEPEST, 0, NULL};
            Py_ssize_t before = out.length;
            int result = encode_into(&encoder, gap->expression);
            if (result == ODD) {
                out.length = before;
                PyObject *bytes = PyObject_CallFunction(st->encode, "OOLLL", gap->expression, st->WORDS, w->size_limit,
                                                        w->prefix_limit, (long long)DEEPEST);
                if (bytes) {
                    result = PyBytes_Check(bytes) ? out_bytes(&out, bytes) : -1;
                    /* How deep it is, nobody looked: the encoder of the whole will. */
                    encoder.deepest = UNBOUNDED / 2;
                    Py_DECREF(bytes);
                } else
                    result = -1;
            }
            if (result) {
                Py_CLEAR(w->error);
                if (defer(w)) goto failed;
                break;
            }
            if (gap->level + encoder.deepest > w->deepest) w->deepest = gap->level + encoder.deepest;
            hole++;
            continue;
        }
        if (out_add(&out, w->out.data + from, next->position - from)) goto failed;
        from = next->position;
        if (next->number)
            if (out_bytes(&out, st->w_reference) ||
                out_head(&out, (uint64_t)next->number, next->number <= 0x7FFFFFFF ? INT : LONGINT))
                goto failed;
        if (next->written) {
            if (out_head(&out, (uint64_t)next->written, LIST)) goto failed;
            from += head_length((uint64_t)next->size);
        }
        entry++;
    }
    if (!w->error && out_add(&out, w->out.data + from, w->out.length - from)) goto failed;
    Py_XSETREF(w->out.bytes, out.bytes);
    w->out = out;
    return 0;
failed:
    Py_XDECREF(out.bytes);
    return -1;
}

/* What pack does where the twin has to do the work: the list is made, then encoded. */
static PyObject *pack_by_python(State *st, PyObject *const *args) {
    PyObject *expression = PyObject_CallFunctionObjArgs(st->g_jelly, args[0], args[1], Py_None, args[2], args[3], NULL);
    if (!expression) return NULL;
    PyObject *bytes = PyObject_CallFunction(st->encode, "OOOOL", expression, st->WORDS, args[4], args[5],
                                            (long long)DEEPEST);
    Py_DECREF(expression);
    if (bytes) return packed_new(st, bytes, NULL, UNBOUNDED / 2);
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError)) return NULL;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return packed_new(st, NULL, error, 0);
}

/* Whether a large string is among values of a tuple that are leaves, all of them: packed, it would be copied; as
   `graph.leaves` has it, it need not be. */
static int has_large_leaf(PyObject *const *items, Py_ssize_t count) {
    int large = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = items[i];
        if (PyBytes_CheckExact(item))
            large |= PyBytes_GET_SIZE(item) > LARGE_STRING;
        else if (!PyUnicode_CheckExact(item) && !PyLong_CheckExact(item) && !PyFloat_CheckExact(item) &&
                 !PyBool_Check(item) && item != Py_None)
            return 0;
    }
    return large;
}

/* What pack and pack_light do.  The latter gives None for what has something in it that a hook may be asked about, or
   large bytes other than in a tuple of leaves. */
static PyObject *pack_value(State *st, PyObject **given, int light) {
    PyObject *packed = NULL;
    Writer w;
    if (!given[3]) given[3] = st->default_depth;
    if (!given[4]) given[4] = st->default_size;
    if (!given[5]) given[5] = st->default_prefix;
    int kind = taster_kind(st, given[1]);
    if (kind < 0 || writer_start(&w, st, given[1], Py_None, given[2], given[3]) ||
        bound_of(given[4], 0, &w.size_limit) || bound_of(given[5], 0, &w.prefix_limit))
        return NULL;
    /* Limits below the sizes of what is written here unseen are for the twin to hold. */
    if (!kind || w.size_limit < LONGEST_WORD || w.prefix_limit < 10)
        return light ? Py_NewRef(Py_None) : pack_by_python(st, given);
    if (PyBytes_CheckExact(given[0]) || PyLong_CheckExact(given[0]) || PyFloat_CheckExact(given[0]))
        return Py_NewRef(given[0]);
    if (light && PyTuple_CheckExact(given[0]) && has_large_leaf(&PyTuple_GET_ITEM(given[0], 0), PyTuple_GET_SIZE(given[0])))
        return PyObject_CallFunctionObjArgs(st->g_leaves, given[0], given[1], NULL);
    w.light = light;
    if (out_begin(st, &w.out, st->last_packed)) return NULL;
    if (!light) w.collects = pause_gc();
    if (!w_value(&w, given[0]) && !take_numbers(&w)) {
        int failed = (w.hole_count || (w.patched && !w.error)) && assemble(&w);
        if (!failed && w.error) {
            packed = packed_new(st, NULL, Py_NewRef(w.error), 0);
        } else if (!failed) {
            foresee(&st->last_packed, w.out.length);
            PyObject *bytes = out_whole(st, &w.out);
            long long nest = w.deepest + 1 + w.cooked + (w.places ? PyList_GET_SIZE(w.places) : 0);
            if (bytes) packed = packed_new(st, bytes, NULL, nest > UNBOUNDED / 2 ? UNBOUNDED / 2 : (Py_ssize_t)nest);
        }
    } else if (w.light == HEAVY && !PyErr_Occurred())
        packed = Py_NewRef(Py_None);
    resume_gc(w.collects);
    if (!packed) tell_recursion(st->BananaError, "values nested too deep to be sent: %S");
    writer_end(&w);
    return packed;
}

static PyObject *pack(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    static const char *const names[] = {"obj", "taster", "invoker", "depth", "size_limit", "prefix_limit"};
    PyObject *given[6];
    if (take_args("pack", names, args, count, keywords, 2, 6, given)) return NULL;
    if (!given[2]) given[2] = Py_None;
    return pack_value(state_of(module), given, 0);
}

static PyObject *pack_light(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    static const char *const names[] = {"obj", "taster", "depth", "size_limit", "prefix_limit"};
    PyObject *given[5];
    if (take_args("pack_light", names, args, count, keywords, 2, 5, given)) return NULL;
    PyObject *all[6] = {given[0], given[1], Py_None, given[2], given[3], given[4]};
    return pack_value(state_of(module), all, 1);
}

static PyObject *jelly(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    static const char *const names[] = {"obj", "taster", "persistentStore", "invoker", "depth"};
    State *st = state_of(module);
    PyObject *given[5], *result = NULL;
    Writer w;
    if (take_args("jelly", names, args, count, keywords, 2, 5, given)) return NULL;
    if (!given[2]) given[2] = Py_None;
    if (!given[3]) given[3] = Py_None;
    if (!given[4]) given[4] = st->default_depth;
    int kind = taster_kind(st, given[1]);
    if (kind < 0) return NULL;
    if (!kind)
        return PyObject_CallFunctionObjArgs(st->g_jelly, given[0], given[1], given[2], given[3], given[4], NULL);
    if (writer_start(&w, st, given[1], given[2], given[3], given[4])) return NULL;
    w.lists = 1;
    w.collects = pause_gc();
    if (!w_value(&w, given[0]) && !take_numbers(&w) && !(w.patched && refer(&w))) {
        result = w.result;
        w.result = NULL;
    }
    resume_gc(w.collects);
    if (!result) tell_recursion(st->BananaError, "values nested too deep to be sent: %S");
    writer_end(&w);
    return result;
}

/* ---- Expressions (unjelly), or bytes at once (unpack), to objects. ----
 *
 * This is graph.read, from a cursor that is on bytes or on a list.  What it leaves to Python is done by graph's readers
 * with an Unjellier that shares the references; as long as that has pending values, graph finishes the containers too.
 */

enum { A_UNKNOWN, A_PLAIN, A_REGISTERED, A_REFUSED };
enum { R_HOOK = 1, R_COPY, R_REFERENCE };

/* What is known of a registered class, as long as its version is the same. */
typedef struct {
    PyTypeObject *type;
    unsigned int version;
    char kind, stock_state, plain, stock_init;
    PyObject *methods; /* names that no attribute may take */
} Made;

typedef struct {
    State *st;
    PyObject *taster, *load, *invoker, *registry, *depth;
    int kind; /* of the taster */
    long long room, levels; /* how much deeper it may go from here, and from the top */
    long long uncounted;    /* plain keys that graph's scale was not told of yet */
    int collects;           /* whether collections are put off, and to be let on again */
    int fresh; /* whether what follows is known to hold: no code of others ran since it was looked up */
    PyObject *allowed, *classes, *factories;
    PyObject *remote;      /* the class that is registered for references, once one was read */
    PyObject *perspective; /* what the invoker says of for whom it reads, once it was asked */
    int lasting; /* whether the answers hold for as long as the dictionaries do */
    char answer[HEADS];
    PyObject *registered; /* the tag that was read last and is registered: while `fresh`, it still is, and is allowed */
    PyObject *references;
    PyObject *unjellier, *pending;
    /* Keys and values of the dictionaries that are being read. */
    PyObject **stack;
    Py_ssize_t height, stack_room;
    int some_made;
    Made made[KINDS]; /* once there are some */
} Reader;

static void reader_end(Reader *r) {
    while (r->height) Py_DECREF(r->stack[--r->height]);
    PyMem_Free(r->stack);
    Py_XDECREF(r->allowed);
    Py_XDECREF(r->classes);
    Py_XDECREF(r->factories);
    Py_XDECREF(r->remote);
    Py_XDECREF(r->perspective);
    Py_XDECREF(r->registered);
    Py_XDECREF(r->references);
    Py_XDECREF(r->unjellier);
    Py_XDECREF(r->pending);
    for (int i = 0; i < KINDS && r->some_made; i++) {
        Py_XDECREF(r->made[i].type);
        Py_XDECREF(r->made[i].methods);
    }
}

static PyObject *read_list(Reader *r, Cursor *cursor, Token *token, PyObject *number);

/* The items of a list, one by one. */
typedef struct {
    Cursor own, *cursor;
    PyObject *list;
    Py_ssize_t left;
} Items;

static void items_start(Items *items, Cursor *cursor, const Token *token) {
    items->left = token->length;
    items->list = NULL;
    items->cursor = cursor;
    if (cursor->list) {
        items->list = Py_NewRef(token->object);
        items->own = (Cursor){NULL, NULL, items->list, 0};
        items->cursor = &items->own;
    }
}

static inline int items_next(State *st, Items *items, Token *token) {
    items->left--;
    return next_token(st, items->cursor, token);
}

/* Passes over what is left. */
static int items_end(State *st, Items *items, int failed) {
    if (items->list) {
        Py_CLEAR(items->list);
        return failed;
    }
    Token token;
    while (!failed && items->left > 0) {
        items->left--;
        failed = next_token(st, items->cursor, &token);
        if (!failed && token.kind == T_LIST) items->left += token.length;
    }
    return failed;
}

static inline PyObject *read_item(Reader *r, Cursor *cursor, Token *token) {
    return token->kind == T_LIST ? read_list(r, cursor, token, NULL) : scalar(token);
}

static PyObject *read_next(Reader *r, Cursor *cursor, int as_key);

static inline PyObject *items_read(Reader *r, Items *items) {
    items->left--;
    return read_next(r, items->cursor, 0);
}

/* The list of a token, as graph's functions take it; the cursor is behind it then. */
static PyObject *as_list(Reader *r, Cursor *cursor, const Token *token) {
    if (cursor->list) return Py_NewRef(token->object);
    cursor->at = token->start;
    return decode_list(r->st, cursor);
}

static int refresh(Reader *r) {
    State *st = r->st;
    PyObject *of_registry[2], *of_taster[2] = {NULL, NULL};
    if (ask(&st->registry_asked, r->registry, st->s_classes, st->s_factories, of_registry)) return -1;
    PyObject *classes = of_registry[0], *factories = of_registry[1];
    if (r->kind == 1 && ask(&st->taster_asked, r->taster, st->s_allowedTypes, NULL, of_taster)) {
        Py_DECREF(classes);
        Py_DECREF(factories);
        return -1;
    }
    PyObject *allowed = of_taster[0];
    Py_XSETREF(r->classes, classes);
    Py_XSETREF(r->factories, factories);
    Py_XSETREF(r->allowed, allowed);
    Py_CLEAR(r->remote);
    Py_CLEAR(r->perspective);
    Py_CLEAR(r->registered);
    r->fresh = 1;
#if PY_VERSION_HEX < 0x030C0000
    r->lasting = r->kind && PyDict_CheckExact(classes) && PyDict_CheckExact(factories) &&
                 (!allowed || PyDict_CheckExact(allowed));
    if (r->lasting) {
        uint64_t version[3] = {((PyDictObject *)classes)->ma_version_tag, ((PyDictObject *)factories)->ma_version_tag,
                               allowed ? ((PyDictObject *)allowed)->ma_version_tag : 0};
        if (memcmp(version, st->answer_version, sizeof(version))) {
            memcpy(st->answer_version, version, sizeof(version));
            memset(st->answer, A_UNKNOWN, sizeof(st->answer));
        }
        memcpy(r->answer, st->answer, sizeof(r->answer));
        return 0;
    }
#endif
    memset(r->answer, A_UNKNOWN, sizeof(r->answer));
    return 0;
}

static PyObject *unjellier_of(Reader *r) {
    State *st = r->st;
    if (!r->unjellier) {
        PyObject *unjellier =
            PyObject_CallFunctionObjArgs(st->g_Unjellier, r->taster, r->load, r->invoker, r->registry, r->depth, NULL);
        if (!unjellier) return NULL;
        r->unjellier = unjellier;
        if (!(r->pending = PyObject_GetAttr(unjellier, st->s_pending))) return NULL;
        if (!PyList_Check(r->pending)) {
            PyErr_SetString(PyExc_TypeError, "an unjellier's pending is no list");
            return NULL;
        }
        if (r->references) {
            if (PyObject_SetAttr(unjellier, st->s_references, r->references)) return NULL;
        } else if (!(r->references = PyObject_GetAttr(unjellier, st->s_references)))
            return NULL;
    }
    return r->unjellier;
}

/* Plain keys count for the scale only where values are shared. */
static inline void count_keys(Reader *r, Py_ssize_t count) {
    if (r->references && PyDict_GET_SIZE(r->references)) r->uncounted += count;
}

static int tell_scale(Reader *r) {
    if (!r->uncounted) return 0;
    PyObject *scale = PyObject_GetAttr(r->unjellier, r->st->s_scale), *none = NULL;
    PyObject *count = scale ? PyLong_FromLongLong(r->uncounted) : NULL;
    if (count) none = PyObject_CallMethodOneArg(scale, r->st->s_plain, count);
    Py_XDECREF(scale);
    Py_XDECREF(count);
    Py_XDECREF(none);
    r->uncounted = 0;
    return none ? 0 : -1;
}

static inline int has_pending(const Reader *r) { return r->pending && PyList_GET_SIZE(r->pending) > 0; }

/* Code that is not ours ran: what was looked up is to be looked up again. */
static inline void others_ran(Reader *r) {
    r->fresh = 0;
    r->collects = pause_gc();
}

/* Calls a function of graph with the unjellier up to date and up to three more arguments. */
static PyObject *by_python(Reader *r, PyObject *callable, PyObject *first, PyObject *second, PyObject *third) {
    PyObject *unjellier = unjellier_of(r);
    if (!unjellier || set_room(r->st, unjellier, r->room) || tell_scale(r)) return NULL;
    resume_gc(r->collects);
    PyObject *value = PyObject_CallFunctionObjArgs(callable, unjellier, first, second, third, NULL);
    others_ran(r);
    if (value && get_room(r->st, unjellier, &r->room)) Py_CLEAR(value);
    return value;
}

/* A list as graph's function has it: reader(unjellier, list, number). */
static PyObject *list_by_python(Reader *r, PyObject *reader, Cursor *cursor, const Token *token, PyObject *number) {
    PyObject *list = as_list(r, cursor, token);
    if (!list) return NULL;
    Py_INCREF(reader);
    PyObject *value = by_python(r, reader, list, number ? number : Py_None, NULL);
    Py_DECREF(reader);
    Py_DECREF(list);
    return value;
}

/* graph.reference_key, as a new reference. */
static PyObject *reference_key(PyObject *number) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (value == -1 && PyErr_Occurred()) return NULL;
    return !overflow && value >= 0 && value < MANY ? Py_NewRef(number) : PyObject_Str(number);
}

/* The id `number` stands for `value`. */
static int announce(Reader *r, PyObject *number, PyObject *value) {
    if (!number) return 0;
    if (has_pending(r)) {
        PyObject *none = PyObject_CallMethodObjArgs(r->unjellier, r->st->s_announce, number, value, NULL);
        r->fresh = 0;
        Py_XDECREF(none);
        return none ? 0 : -1;
    }
    if (!r->references && !(r->references = PyDict_New())) return -1;
    PyObject *key = reference_key(number);
    int failed = key ? PyObject_SetItem(r->references, key, value) : -1;
    Py_XDECREF(key);
    return failed;
}

static PyObject *announced(Reader *r, PyObject *number, PyObject *value) {
    /* Takes the value over, and returns it. */
    if (number && value && announce(r, number, value)) Py_CLEAR(value);
    return value;
}

static int head_of(State *st, const Token *token) {
    if (token->word) return st->head_of_word[token->word];
    for (int head = 0; head < HEADS; head++)
        if (PyBytes_GET_SIZE(st->head[head]) == token->length &&
            !memcmp(PyBytes_AS_STRING(st->head[head]), token->body, (size_t)token->length))
            return head;
    return -1;
}

/* Of a longer text it takes long enough to make it. */
#define SHORT_TEXT 256

/* A text; NULL with an error for what is not UTF-8. */
static inline PyObject *make_text(const byte *data, Py_ssize_t length) {
    /* Of one character, or none, there is one already. */
    if (length > 1 && length < SHORT_TEXT) {
        uint64_t bits, high = 0;
        Py_ssize_t i = 0;
        for (; i + 8 <= length; i += 8) {
            memcpy(&bits, data + i, 8);
            high |= bits;
        }
        for (; i < length; i++) high |= data[i];
        if (!(high & 0x8080808080808080ull)) {
            PyObject *text = PyUnicode_New(length, 127);
            if (text) memcpy(PyUnicode_1BYTE_DATA(text), data, (size_t)length);
            return text;
        }
    }
    return PyUnicode_DecodeUTF8((const char *)data, length, NULL);
}

/* The first and the last bytes of what has 4 or more: all of them, if there are no more than 16. */
static inline void ends_of(const byte *data, Py_ssize_t length, uint64_t ends[2]) {
    if (length >= 8) {
        memcpy(&ends[0], data, 8);
        memcpy(&ends[1], data + length - 8, 8);
    } else {
        uint32_t first, last;
        memcpy(&first, data, 4);
        memcpy(&last, data + length - 4, 4);
        ends[0] = first;
        ends[1] = last;
    }
}

/* A text, which may be had from the table of keys. */
static PyObject *read_key(State *st, const byte *data, Py_ssize_t length) {
    if (length > LONGEST_KEY) return make_text(data, length);
    uint64_t ends[2] = {0, 0}, others[2];
    if (length >= 4)
        ends_of(data, length, ends);
    else
        for (Py_ssize_t i = 0; i < length; i++) ends[0] = ends[0] << 8 | data[i];
    uint64_t hash = ((ends[0] ^ (uint64_t)length) * 0x9E3779B97F4A7C15ull ^ ends[1]) * 0xD6E8FEB86659FD93ull;
    PyObject **slot = &st->keys[hash >> 32 & (KEYS - 1)], *key = *slot;
    if (key && PyUnicode_GET_LENGTH(key) == length) {
        const byte *other = PyUnicode_1BYTE_DATA(key);
        if (length >= 4 && length <= 16) {
            ends_of(other, length, others);
            if (ends[0] == others[0] && ends[1] == others[1]) return Py_NewRef(key);
        } else if (!memcmp(other, data, (size_t)length))
            return Py_NewRef(key);
    }
    key = make_text(data, length);
    if (key && PyUnicode_IS_COMPACT_ASCII(key)) Py_XSETREF(*slot, Py_NewRef(key));
    return key;
}

/* ``[unicode x]``, with the tokens at the tag; NULL without an error for what graph has to judge. */
static PyObject *read_text(State *st, Items *items, int as_key) {
    Token token;
    if (items->left < 1 || items_next(st, items, &token) || token.kind != T_BYTES) return NULL;
    PyObject *text = as_key ? read_key(st, token.body, token.length) : make_text(token.body, token.length);
    if (!text && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) PyErr_Clear();
    return text;
}

static int push(Reader *r, PyObject *value) {
    /* Takes the value over. */
    if (!value) return -1;
    if (r->height == r->stack_room) {
        Py_ssize_t room = r->stack_room ? 2 * r->stack_room : 64;
        PyObject **more = PyMem_Realloc(r->stack, sizeof(PyObject *) * (size_t)room);
        if (!more) {
            Py_DECREF(value);
            PyErr_NoMemory();
            return -1;
        }
        r->stack = more;
        r->stack_room = room;
    }
    r->stack[r->height++] = value;
    return 0;
}

/* Whether a key or member has a hash of its own that runs no code, and which, among many, no peer can choose. */
static int is_safe(PyObject *key, Py_ssize_t count) {
    PyTypeObject *type = Py_TYPE(key);
    if (type == &PyUnicode_Type || type == &PyBytes_Type || type == &PyBool_Type || key == Py_None) return 1;
    if (type == &PyLong_Type) {
        if (count <= MANY) return 1;
        int overflow;
        long long value = PyLong_AsLongLongAndOverflow(key, &overflow);
        return !overflow && value < 1LL << 60 && value > -(1LL << 60);
    }
    return type == &PyFloat_Type && count <= MANY;
}

/* As in weights: looks at places that are taken, for each key. */
enum { LOOKS = 64 };

/* weights.Places, of a dictionary: whether it costs too much to find places for keys with these hashes; -1 with an error. */
static int too_many_looks(const Py_hash_t *hashes, size_t count) {
    long long left = (long long)LOOKS * (long long)count;
    size_t known = 0, size = 8;
    byte *taken = PyMem_Calloc(size, 1);
    while (taken && known < count) {
        size_t full = size * 2 / 3, stop = full < count ? full : count;
        for (; known < stop; known++) {
            size_t rest = (size_t)hashes[known], at = rest & (size - 1);
            for (; taken[at]; at = (at * 5 + rest + 1) & (size - 1)) {
                if (--left < 0) {
                    PyMem_Free(taken);
                    return 1;
                }
                rest >>= 5;
            }
            taken[at] = 1;
        }
        if (known < count) {
            /* It grows, and all that is in there gets another place. */
            while (size < full * 3) size *= 2;
            PyMem_Free(taken);
            taken = PyMem_Calloc(size, 1);
            known = 0;
        }
    }
    if (!taken) {
        PyErr_NoMemory();
        return -1;
    }
    PyMem_Free(taken);
    return 0;
}

/* Keys that are all safe; -1 with an error if they cost too much. */
static int look_at_keys(State *st, PyObject *const *pairs, Py_ssize_t count) {
    if (count <= MANY) return 0;
    int foreseen = 0;
    for (Py_ssize_t i = 0; i < count && !foreseen; i++) foreseen = PyLong_CheckExact(pairs[2 * i]);
    if (!foreseen) return 0;
    Py_hash_t *hashes = PyMem_New(Py_hash_t, count);
    if (!hashes) {
        PyErr_NoMemory();
        return -1;
    }
    int failed = 0;
    for (Py_ssize_t i = 0; i < count && !failed; i++)
        if ((hashes[i] = PyObject_Hash(pairs[2 * i])) == -1) failed = -1;
    if (!failed && (failed = too_many_looks(hashes, (size_t)count)) > 0)
        PyErr_SetString(st->InsecureJelly, "the members of a set, or the keys of a dictionary, collide");
    PyMem_Free(hashes);
    return failed ? -1 : 0;
}

static PyObject *from_stack(Reader *r, Py_ssize_t base, Py_ssize_t step) {
    PyObject *list = PyList_New((r->height - base) / step);
    for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list); i++)
        PyList_SET_ITEM(list, i, Py_NewRef(r->stack[base + i * step]));
    return list;
}

static void pop(Reader *r, Py_ssize_t base) {
    while (r->height > base) {
        PyObject *value = r->stack[--r->height];
        Py_DECREF(value);
    }
}

/* The list that begins at the cursor, where that is quickly known; NULL without an error if it is not, and the cursor stays.
   It is `read_list_inner` that says what these are. */
static inline PyObject *read_at(Reader *r, Cursor *cursor, int as_key) {
    State *st = r->st;
    const byte *at = cursor->at, *end = cursor->end;
    if (end - at <= TEXT_HEAD || !r->fresh || r->room < 1) return NULL;
    if (is_text(st, at)) {
        Token token;
        if (r->answer[H_UNICODE] != A_PLAIN) return NULL;
        cursor->at = at + TEXT_HEAD;
        if (next_token(st, cursor, &token)) return NULL;
        if (token.kind == T_BYTES) {
            PyObject *text = as_key ? read_key(st, token.body, token.length) : make_text(token.body, token.length);
            if (text || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return text;
            PyErr_Clear();
        }
        cursor->at = at;
    } else if (at[0] == 1) {
        Py_ssize_t length = PyBytes_GET_SIZE(st->w_none);
        if (r->answer[H_NONE] == A_PLAIN && end - at >= length &&
            !memcmp(at, PyBytes_AS_STRING(st->w_none), (size_t)length)) {
            cursor->at = at + length;
            return Py_NewRef(Py_None);
        }
    } else if (at[4] == 'b' && at[0] == 2 && r->answer[H_BOOLEAN] == A_PLAIN) {
        for (int truth = 0; truth < 2; truth++) {
            PyObject *bytes = truth ? st->w_true : st->w_false;
            Py_ssize_t length = PyBytes_GET_SIZE(bytes);
            if (end - at >= length && !memcmp(at, PyBytes_AS_STRING(bytes), (size_t)length)) {
                cursor->at = at + length;
                return Py_NewRef(truth ? Py_True : Py_False);
            }
        }
    }
    return NULL;
}

static PyObject *read_any(Reader *r, Cursor *cursor, int as_key) {
    Token token;
    if (next_token(r->st, cursor, &token)) return NULL;
    token.is_key = as_key;
    return read_item(r, cursor, &token);
}

/* The next item. */
static PyObject *read_next(Reader *r, Cursor *cursor, int as_key) {
    const byte *at = cursor->at;
    if (!cursor->list && cursor->end - at > 1 && at[0] < 0x80) {
        if (at[1] == LIST) {
            PyObject *value = read_at(r, cursor, as_key);
            if (value || PyErr_Occurred()) return value;
        } else if (at[1] == INT) {
            cursor->at = at + 2;
            return PyLong_FromLong(at[0]);
        }
    }
    return read_any(r, cursor, as_key);
}

/* The next item, which is to be a key and a value. */
static int read_pair(Reader *r, Items *items, PyObject **key, PyObject **item) {
    State *st = r->st;
    Cursor *cursor = items->cursor;
    *key = *item = NULL;
    if (!cursor->list && cursor->end - cursor->at > 1 && cursor->at[0] == 2 && cursor->at[1] == LIST) {
        items->left--;
        cursor->at += 2;
        if (!(*key = read_next(r, cursor, 1))) return -1;
        if ((*item = read_next(r, cursor, 0))) return 0;
        Py_CLEAR(*key);
        return -1;
    }
    Token token = {0};
    Items pair;
    if (items_next(st, items, &token)) return -1;
    if (token.kind != T_LIST || token.length != 2) {
        PyObject *other = token.kind == T_LIST ? as_list(r, items->cursor, &token) : scalar(&token);
        PyObject *text = other ? PyObject_CallOneArg(st->g_shortened, other) : NULL;
        if (text) PyErr_Format(st->InsecureJelly, "not a key and a value: %U", text);
        Py_XDECREF(other);
        Py_XDECREF(text);
        return -1;
    }
    items_start(&pair, items->cursor, &token);
    pair.left = 0;
    int failed = !(*key = read_next(r, pair.cursor, 1)) || !(*item = read_next(r, pair.cursor, 0));
    if (items_end(st, &pair, failed)) {
        Py_CLEAR(*key);
        Py_CLEAR(*item);
        return -1;
    }
    return 0;
}

/* What was put into a dictionary goes to the stack instead. */
static int take_out(Reader *r, PyObject *dictionary) {
    PyObject *key, *item;
    Py_ssize_t position = 0;
    while (PyDict_Next(dictionary, &position, &key, &item))
        if (push(r, Py_NewRef(key)) || push(r, Py_NewRef(item))) return -1;
    PyDict_Clear(dictionary);
    return 0;
}

static PyObject *read_dictionary(Reader *r, Items *items, PyObject *number) {
    State *st = r->st;
    Py_ssize_t base = r->height, count = items->left;
    /* Mostly all keys are put in as they come: while it is nobody else's, each is new and has a hash that runs no code.
       Else all go to the stack first. */
    int safe = 1, at_once = !number && count <= MANY;
    PyObject *value = PyDict_New(), *key, *item;
    if (!value || announce(r, number, value)) goto failed;
    while (items->left > 0) {
        if (read_pair(r, items, &key, &item)) goto failed;
        if (at_once) {
            Py_ssize_t before = PyDict_GET_SIZE(value);
            at_once = is_safe(key, count);
            if (at_once && !PyDict_SetDefault(value, key, item)) {
                Py_DECREF(key);
                Py_DECREF(item);
                goto failed;
            }
            if (at_once && PyDict_GET_SIZE(value) > before) {
                Py_DECREF(key);
                Py_DECREF(item);
                continue;
            }
            at_once = 0;
            if (take_out(r, value)) {
                Py_DECREF(key);
                Py_DECREF(item);
                goto failed;
            }
        }
        safe = safe && is_safe(key, count);
        if (push(r, key)) {
            Py_DECREF(item);
            goto failed;
        }
        if (push(r, item)) goto failed;
    }
    if (at_once) {
        if (!has_pending(r)) {
            count_keys(r, count);
            return value;
        }
        if (take_out(r, value)) goto failed;
    }
    if (safe && !has_pending(r)) {
        if (look_at_keys(st, r->stack + base, (r->height - base) / 2)) goto failed;
        for (Py_ssize_t i = base; i < r->height; i += 2)
            if (PyDict_SetItem(value, r->stack[i], r->stack[i + 1])) goto failed;
        if (count > MANY && PyDict_GET_SIZE(value) != count)
            safe = 0; /* equal keys: graph counts them */
        else
            count_keys(r, count);
    }
    if (!safe || has_pending(r)) {
        PyObject *keys = from_stack(r, base, 2), *values = NULL, *none = NULL;
        if (keys) {
            values = PyList_New((r->height - base) / 2);
            for (Py_ssize_t i = 0; values && i < PyList_GET_SIZE(values); i++)
                PyList_SET_ITEM(values, i, Py_NewRef(r->stack[base + 2 * i + 1]));
        }
        if (values) none = by_python(r, st->g_finish_dictionary, value, keys, values);
        Py_XDECREF(keys);
        Py_XDECREF(values);
        Py_XDECREF(none);
        if (!none) goto failed;
    }
    pop(r, base);
    return value;
failed:
    pop(r, base);
    Py_XDECREF(value);
    return NULL;
}

static PyObject *read_sequence(Reader *r, Items *items, PyObject *number, int head) {
    State *st = r->st;
    Py_ssize_t count = items->left;
    PyObject *value = NULL, *contents = NULL, *result = NULL;
    if (head == H_TUPLE && !number) {
        /* Most tuples are never waited for. */
        contents = PyTuple_New(count);
        if (!contents) return NULL;
        if (count) PyObject_GC_UnTrack(contents);
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject *item = items_read(r, items);
            if (!item) goto done;
            PyTuple_SET_ITEM(contents, i, item);
        }
        if (count) PyObject_GC_Track(contents);
        if (!has_pending(r)) return contents;
        Py_SETREF(contents, PySequence_List(contents));
        if (!contents) return NULL;
    } else {
        if (head == H_LIST && number && (!(value = PyList_New(0)) || announce(r, number, value))) goto done;
        if (head == H_SET && (!(value = PySet_New(NULL)) || announce(r, number, value))) goto done;
        contents = PyList_New(count);
        if (!contents) goto done;
        if (count) PyObject_GC_UnTrack(contents);
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject *item = items_read(r, items);
            if (!item) goto done;
            PyList_SET_ITEM(contents, i, item);
        }
        if (count) PyObject_GC_Track(contents);
        if (!has_pending(r)) {
            if (head == H_LIST) {
                if (!number)
                    result = Py_NewRef(contents);
                else if (!PyList_SetSlice(value, PyList_GET_SIZE(value), PyList_GET_SIZE(value), contents))
                    result = Py_NewRef(value);
                goto done;
            }
            if (head == H_TUPLE) {
                result = announced(r, number, PyList_AsTuple(contents));
                goto done;
            }
            int safe = count <= MANY;
            for (Py_ssize_t i = 0; i < count && safe; i++) safe = is_safe(PyList_GET_ITEM(contents, i), count);
            if (safe) {
                count_keys(r, count);
                if (head == H_FROZENSET) {
                    result = announced(r, number, PyFrozenSet_New(contents));
                    goto done;
                }
                for (Py_ssize_t i = 0; i < count; i++)
                    if (PySet_Add(value, PyList_GET_ITEM(contents, i))) goto done;
                result = Py_NewRef(value);
                goto done;
            }
        }
        if (head == H_LIST && !value && !(value = PyList_New(0))) goto done;
    }
    PyObject *finish = head == H_LIST    ? st->g_finish_list
                       : head == H_TUPLE ? st->g_finish_tuple
                       : head == H_SET   ? st->g_finish_set
                                         : st->g_finish_frozenset;
    result = by_python(r, finish, value ? value : Py_None, contents, number ? number : Py_None);
done:
    Py_XDECREF(value);
    Py_XDECREF(contents);
    return result;
}

/* [reference id x]; *odd is set for what graph has to judge, before anything was done. */
static PyObject *read_reference(Reader *r, Items *items, PyObject *number, int *odd) {
    State *st = r->st;
    Token token;
    *odd = 1;
    if (items->left < 2) return NULL;
    if (items_next(st, items, &token)) return NULL;
    if (token.object ? !PyLong_CheckExact(token.object) : token.kind != T_INT) return NULL;
    PyObject *own = scalar(&token), *key = own ? reference_key(own) : NULL, *value = NULL;
    if (!key) goto done;
    if (!r->references && !(r->references = PyDict_New())) goto done;
    int there = PyDict_Contains(r->references, key);
    if (there) goto done;
    if (items_next(st, items, &token)) goto done;
    *odd = 0;
    if (token.kind == T_LIST)
        value = read_list(r, items->cursor, &token, own);
    else
        value = scalar(&token);
    if (value) {
        PyObject *known = PyDict_GetItemWithError(r->references, key);
        if ((!known && PyErr_Occurred()) || (known != value && announce(r, own, value)) || announce(r, number, value))
            Py_CLEAR(value);
    }
done:
    Py_XDECREF(own);
    Py_XDECREF(key);
    return value;
}

static PyObject *read_dereference(Reader *r, Items *items, PyObject *number) {
    State *st = r->st;
    Token token;
    if (items->left < 1 || !r->references || items_next(st, items, &token)) return NULL;
    if (token.object ? !PyLong_CheckExact(token.object) : token.kind != T_INT) return NULL;
    PyObject *wanted = scalar(&token), *key = wanted ? reference_key(wanted) : NULL;
    Py_XDECREF(wanted);
    if (!key) return NULL;
    PyObject *value = Py_XNewRef(PyDict_GetItemWithError(r->references, key));
    Py_DECREF(key);
    /* Of texts and strings graph counts how often they are referred to. */
    if (value && (Py_IS_TYPE(value, (PyTypeObject *)st->g_Pending) || PyUnicode_CheckExact(value) ||
                  PyBytes_CheckExact(value)))
        Py_CLEAR(value);
    return announced(r, number, value);
}

/* ---- Instances of registered classes. ---- */

/* Whether the attributes of a reference can be set as its __init__ does, without calling it. */
static int has_stock_attributes(State *st, PyTypeObject *type) {
    if (type->tp_setattro != PyObject_GenericSetAttr || !type->tp_dictoffset) return 0;
    int stock = is_stock_method(st, type, st->s___init__, st->s_reference_init);
    if (stock > 0) stock = is_stock_method(st, type, st->s_disconnectCallbacks, st->s_reference_callbacks);
    PyObject *const names[] = {st->s_luid, st->s_broker, st->s_doRefCount, st->s_perspective};
    for (int i = 0; stock > 0 && i < 4; i++) stock = is_attribute(type, names[i]);
    return stock;
}

static Made *find_made(Reader *r, PyTypeObject *type) {
    State *st = r->st;
    if (!r->some_made) memset(r->made, 0, sizeof(r->made));
    r->some_made = 1;
    Made *made = &r->made[address_hash(type) % KINDS];
    if (made->type == type && made->version && made->version == type->tp_version_tag) return made;
    Py_CLEAR(made->type);
    Py_CLEAR(made->methods);
    made->kind = R_HOOK;
    made->plain = made->stock_state = made->stock_init = 0;
    if (type->tp_new == PyBaseObject_Type.tp_new && type->tp_getattro == PyObject_GenericGetAttr) {
        int copy = is_stock_method(st, type, st->s_unjellyFor, st->s_copy_unjelly);
        int reference = copy ? 0 : is_stock_method(st, type, st->s_unjellyFor, st->s_reference_unjelly);
        if (copy < 0 || reference < 0) return NULL;
        if (copy || reference) {
            made->kind = copy ? R_COPY : R_REFERENCE;
            PyObject *post = PyObject_GetAttr((PyObject *)type, st->s_postUnjelly);
            if (post)
                Py_DECREF(post);
            else if (PyErr_ExceptionMatches(PyExc_AttributeError))
                PyErr_Clear();
            else
                return NULL;
            made->plain = !post;
        }
        if (reference && made->plain) {
            int stock = has_stock_attributes(st, type);
            if (stock < 0) return NULL;
            made->stock_init = (char)stock;
        }
        if (copy) {
            int state = is_stock_method(st, type, st->s_setCopyableState, st->s_copy_set_state);
            int slots = state > 0 ? has_slots(st, type) : 0;
            if (state < 0 || slots < 0) return NULL;
            made->stock_state = state && !slots && type->tp_dictoffset;
            PyObject *names = PyDict_GetItemWithError(st->g_STOCK, st->s_method_names);
            if (names)
                made->methods = PyObject_CallOneArg(names, (PyObject *)type);
            else if (!PyErr_Occurred())
                made->stock_state = 0;
            if (PyErr_Occurred()) return NULL;
            if (made->methods && !PyFrozenSet_CheckExact(made->methods)) made->stock_state = 0;
        }
    }
    made->type = (PyTypeObject *)Py_NewRef(type);
    made->version = type->tp_version_tag;
    return made;
}

/* graph's Unjellier.finish, which has nothing to do for most instances. */
static int finish_made(Reader *r, PyObject *value, int plain) {
    State *st = r->st;
    if (plain && Py_TYPE(value)->tp_dictoffset) {
        PyObject *own = PyObject_GenericGetDict(value, NULL);
        int there = own ? PyDict_Contains(own, st->s_postUnjelly) : -1;
        Py_XDECREF(own);
        if (there < 0) return -1;
        plain = !there;
    }
    if (plain && !has_pending(r)) return 0;
    PyObject *unjellier = unjellier_of(r);
    resume_gc(r->collects);
    PyObject *same = unjellier ? PyObject_CallMethodOneArg(unjellier, st->s_finish, value) : NULL;
    others_ran(r);
    Py_XDECREF(same);
    return same ? 0 : -1;
}

/* Gives a copy its state.  `methods`: the names that no attribute may take, where the state is taken as RemoteCopy
   does; else NULL. */
static int set_copy_state(Reader *r, PyObject *copy, PyObject *state, PyObject *methods) {
    State *st = r->st;
    if (methods && !has_pending(r) && PyDict_CheckExact(state)) {
        PyObject *key, *value;
        Py_ssize_t position = 0;
        int good = 1;
        while (good && PyDict_Next(state, &position, &key, &value)) {
            good = PyUnicode_CheckExact(key);
            int taken = good ? PySet_Contains(methods, key) : 0;
            if (taken < 0) return -1;
            if (taken) good = 0;
        }
        if (good) {
            /* The attributes are a dictionary of their own; the state is nobody else's if this holds the only reference. */
            PyObject *attributes = Py_REFCNT(state) == 1 ? Py_NewRef(state) : PyDict_Copy(state);
            int failed = !attributes || PyObject_GenericSetAttr(copy, st->s___dict__, attributes);
            Py_XDECREF(attributes);
            return failed ? -1 : 0;
        }
    }
    PyObject *none = NULL;
    resume_gc(r->collects);
    if (has_pending(r)) {
        /* Hooks are shown no value that is still to come: this one is called at the end then. */
        PyObject *hook = PyObject_GetAttr(copy, st->s_setCopyableState);
        PyObject *later = hook ? PyObject_CallFunctionObjArgs(st->partial, hook, state, NULL) : NULL;
        if (later) none = PyObject_CallMethodOneArg(r->unjellier, st->s_when_whole, later);
        Py_XDECREF(hook);
        Py_XDECREF(later);
    } else
        none = PyObject_CallMethodOneArg(copy, st->s_setCopyableState, state);
    others_ran(r);
    Py_XDECREF(none);
    return none ? 0 : -1;
}

/* Whether the next item is a value that may be another's too; the cursor stays where it is. */
static int is_shared(State *st, const Items *items) {
    Cursor cursor = *items->cursor;
    Token token;
    if (next_token(st, &cursor, &token)) return -1;
    if (token.kind != T_LIST || token.length < 1) return 0;
    if (cursor.list) cursor = (Cursor){NULL, NULL, token.object, 0};
    if (next_token(st, &cursor, &token)) return -1;
    if (token.kind != T_BYTES) return 0;
    int head = head_of(st, &token);
    return head == H_REFERENCE || head == H_DEREFERENCE;
}

/* For whom the invoker reads: asked anew where that may call something. */
static PyObject *perspective_of(Reader *r) {
    if (r->perspective) return Py_NewRef(r->perspective);
    PyTypeObject *type = Py_TYPE(r->invoker);
    PyObject *name = r->st->s_unserializingPerspective;
    int plain = type->tp_getattro == PyObject_GenericGetAttr ? is_attribute(type, name) : 0;
    if (plain < 0) return NULL;
    if (!plain) resume_gc(r->collects);
    PyObject *perspective = PyObject_GetAttr(r->invoker, name);
    if (!plain)
        others_ran(r);
    else if (perspective && r->fresh)
        r->perspective = Py_NewRef(perspective);
    return perspective;
}

/* What __init__ does for a new reference whose class is as it was made. */
static int set_reference(State *st, PyObject *value, PyObject *perspective, PyObject *broker, PyObject *luid) {
    PyObject *one = PyLong_FromLong(1);
    int failed = !one || PyObject_GenericSetAttr(value, st->s_luid, luid) ||
                 PyObject_GenericSetAttr(value, st->s_broker, broker) ||
                 PyObject_GenericSetAttr(value, st->s_doRefCount, one) ||
                 PyObject_GenericSetAttr(value, st->s_perspective, perspective);
    Py_XDECREF(one);
    return failed ? -1 : 0;
}

/* A list whose tag stands for a factory, likewise: what the factory makes of the state. */
static PyObject *read_by_factory(Reader *r, PyObject *tag, Items *items, PyObject *number, int *odd) {
    State *st = r->st;
    PyObject *state = NULL, *value = NULL;
    Token token;
    if (number || has_pending(r) || !PyDict_CheckExact(r->factories)) return NULL;
    PyObject *factory = Py_XNewRef(PyDict_GetItemWithError(r->factories, tag));
    if (!factory) return NULL;
    if (is_shared(st, items)) goto done;
    *odd = 0;
    if (items_next(st, items, &token) || !(state = read_item(r, items->cursor, &token))) goto done;
    if (has_pending(r)) {
        /* Whether the state holds any of what is still to come. */
        PyObject *whole = by_python(r, st->g__whole, state, Py_None, NULL);
        int truth = whole ? PyObject_IsTrue(whole) : -1;
        Py_XDECREF(whole);
        if (truth < 0) goto done;
        if (!truth) {
            PyObject *name = PyObject_CallOneArg(st->g_shortened, tag);
            if (name) PyErr_Format(st->InsecureJelly, "the state of a %S holds values that are still to come", name);
            Py_XDECREF(name);
            goto done;
        }
    }
    resume_gc(r->collects);
    value = PyObject_CallOneArg(factory, state);
    others_ran(r);
    Made *made = value ? find_made(r, Py_TYPE(value)) : NULL;
    if (value && (!made || finish_made(r, value, made->plain))) Py_CLEAR(value);
done:
    Py_DECREF(factory);
    Py_XDECREF(state);
    return value;
}

/* Whether a class of brokers finds what the peer sends back as Broker does, and looking for it has no effects. */
static int finds_objects(State *st, PyTypeObject *type) {
    if (type->tp_version_tag && type->tp_version_tag == st->finding_version) return 1;
    if (type->tp_getattro != PyObject_GenericGetAttr) return 0;
    int stock = is_stock_method(st, type, st->s__returnedObjectForID, st->s_returned_object);
    if (stock > 0) stock = is_stock_method(st, type, st->s_localObjectForID, st->s_local_object);
    if (stock > 0) stock = is_attribute(type, st->s__exports);
    if (stock > 0) st->finding_version = type->tp_version_tag;
    return stock;
}

/* Whether nothing of an instance is called when it comes back, wherever it is put. */
static int is_quiet(State *st, PyTypeObject *type) {
    if (type->tp_version_tag && st->quiet[type->tp_version_tag % PLAIN_CALLEES] == type->tp_version_tag) return 1;
    if (!Py_IS_TYPE(type, &PyType_Type) || type->tp_getattro != PyObject_GenericGetAttr ||
        type->tp_hash != PyBaseObject_Type.tp_hash || type->tp_richcompare != PyBaseObject_Type.tp_richcompare)
        return 0;
    int quiet = !_PyType_Lookup(type, st->s_postUnjelly); /* a descriptor, which getattr would call, is there too */
    if (quiet) st->quiet[type->tp_version_tag % PLAIN_CALLEES] = type->tp_version_tag;
    return quiet;
}

/* An object of ours that the peer sends back; *odd stays set where anything about that is out of the ordinary. */
static PyObject *read_local(Reader *r, Items *items, PyObject *number, int *odd) {
    State *st = r->st;
    Token token;
    PyObject *own = NULL, *luid = NULL, *found = NULL, *exports, *locals, *ids, *local;
    int finds = finds_objects(st, Py_TYPE(r->invoker));
    if (finds <= 0 || items_next(st, items, &token) || token.kind == T_LIST || token.kind == T_FLOAT) return NULL;
    if (!(luid = scalar(&token)) || !(own = PyObject_GenericGetDict(r->invoker, NULL))) goto done;
    if (!(PyLong_CheckExact(luid) || PyBytes_CheckExact(luid)) ||
        PyDict_GetItemWithError(own, st->s__returnedObjectForID) || PyDict_GetItemWithError(own, st->s_localObjectForID) ||
        !(exports = PyDict_GetItemWithError(own, st->s__exports)) || open_table(st, exports, &locals, &ids) <= 0 ||
        !(local = PyDict_GetItemWithError(locals, luid)) || is_local(st, Py_TYPE(local)) <= 0)
        goto done;
    PyObject *object = SLOT_OF(local, st->local, LOCAL_OBJECT);
    if (!object || object == Py_None || !is_quiet(st, Py_TYPE(object))) goto done;
    *odd = 0;
    found = Py_NewRef(object);
    if (finish_made(r, found, 1) || announce(r, number, found)) Py_CLEAR(found);
done:
    Py_XDECREF(luid);
    Py_XDECREF(own);
    return found;
}

/* A list whose tag is registered, with the tokens after the tag; *odd is set for what graph has to do, before anything
   was done. */
static PyObject *read_registered(Reader *r, PyObject *tag, Items *items, PyObject *number, int *odd) {
    State *st = r->st;
    *odd = 1;
    if (r->invoker == Py_None || items->left < 1 || !PyDict_CheckExact(r->classes)) return NULL;
    int remote = tag == st->head[H_REMOTE];
    PyObject *cls = Py_XNewRef(remote && r->fresh && r->remote ? r->remote : PyDict_GetItemWithError(r->classes, tag));
    PyObject *value = NULL, *state = NULL, *result = NULL, *methods = NULL;
    Token token;
    if (!cls) return PyErr_Occurred() ? NULL : read_by_factory(r, tag, items, number, odd);
    if (cls == PyDict_GetItemWithError(st->g_STOCK, st->s_unjelly_local)) {
        result = read_local(r, items, number, odd);
        goto done;
    }
    Made *made = PyType_Check(cls) ? find_made(r, (PyTypeObject *)cls) : NULL;
    if (!made || made->kind == R_HOOK) goto done;
    int plain = made->plain;
    methods = made->stock_state ? Py_NewRef(made->methods) : NULL;
    if (made->kind == R_REFERENCE) {
        if (items_next(st, items, &token)) goto done;
        if (token.kind == T_LIST || token.kind == T_FLOAT) goto done;
        if (!(state = scalar(&token))) goto done;
        if (!PyLong_CheckExact(state) && !PyBytes_CheckExact(state)) goto done;
        *odd = 0;
        if (remote && r->fresh) Py_XSETREF(r->remote, Py_NewRef(cls));
        int stock_init = made->stock_init;
        if (!(value = ((PyTypeObject *)cls)->tp_new((PyTypeObject *)cls, st->no_args, NULL))) goto done;
        if (stock_init) {
            PyObject *perspective = perspective_of(r);
            int failed = !perspective || set_reference(st, value, perspective, r->invoker, state);
            Py_XDECREF(perspective);
            if (failed || (has_pending(r) && finish_made(r, value, plain)) || announce(r, number, value)) goto done;
            result = Py_NewRef(value);
            goto done;
        }
        resume_gc(r->collects);
        PyObject *perspective = PyObject_GetAttr(r->invoker, st->s_unserializingPerspective);
        PyObject *one = perspective ? PyLong_FromLong(1) : NULL;
        PyObject *none =
            one ? PyObject_CallMethodObjArgs(value, st->s___init__, perspective, r->invoker, state, one, NULL) : NULL;
        Py_XDECREF(perspective);
        Py_XDECREF(one);
        Py_XDECREF(none);
        others_ran(r);
        if (none && !finish_made(r, value, plain) && !announce(r, number, value)) result = Py_NewRef(value);
        goto done;
    }
    int shared = is_shared(st, items);
    if (shared) goto done; /* what that costs is counted by graph */
    *odd = 0;
    if (!(value = ((PyTypeObject *)cls)->tp_new((PyTypeObject *)cls, st->no_args, NULL))) goto done;
    /* It may be met within its own state. */
    if (announce(r, number, value) || items_next(st, items, &token)) goto done;
    if (!(state = read_item(r, items->cursor, &token))) goto done;
    if (Py_IS_TYPE(state, (PyTypeObject *)st->g_Pending)) {
        PyErr_SetString(st->InsecureJelly, "a copy whose state is itself");
        goto done;
    }
    if (!set_copy_state(r, value, state, methods) && !finish_made(r, value, plain)) result = Py_NewRef(value);
done:
    Py_XDECREF(methods);
    Py_XDECREF(state);
    Py_XDECREF(value);
    Py_DECREF(cls);
    return result;
}

/* What graph's read asks first: 1 if the list may be read, 0 if not. */
static int is_allowed(Reader *r, PyObject *tag) {
    State *st = r->st;
    if (r->kind == 2) return 1;
    if (r->kind == 1 && PyDict_CheckExact(r->allowed)) {
        int there = PyDict_Contains(r->allowed, tag);
        return there ? there : memchr(PyBytes_AS_STRING(tag), '.', (size_t)PyBytes_GET_SIZE(tag)) != NULL;
    }
    resume_gc(r->collects);
    PyObject *answer = PyObject_CallMethodOneArg(r->taster, st->s_isTypeAllowed, tag);
    int truth = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    others_ran(r);
    return truth;
}

static int is_registered(Reader *r, PyObject *tag) {
    int there = PySequence_Contains(r->classes, tag);
    return there ? there : PySequence_Contains(r->factories, tag);
}

static PyObject *refused(State *st, PyObject *tag) {
    PyErr_SetObject(st->InsecureJelly, tag);
    return NULL;
}

static PyObject *read_list_inner(Reader *r, Cursor *cursor, Token *token, PyObject *number) {
    State *st = r->st;
    Items items;
    Token first;
    Token whole = *token;
    int odd = 0;
    PyObject *value = NULL, *tag = NULL, *reader = NULL;
    const byte *at = cursor->at;
    if (!cursor->list && token->length && cursor->end - at > 1 && at[1] == VOCAB && at[0] && at[0] <= st->words) {
        /* The same as below, for what is frequent. */
        int word_head = st->head_of_word[at[0]];
        if (word_head == H_DICTIONARY || word_head == H_LIST || word_head == H_TUPLE) {
            if (!r->fresh && refresh(r)) return NULL;
            if (r->answer[word_head] == A_PLAIN && r->room > 0) {
                items = (Items){{NULL, NULL, NULL, 0}, cursor, NULL, token->length - 1};
                cursor->at += 2;
                r->room--;
                value = word_head == H_DICTIONARY ? read_dictionary(r, &items, number)
                                                  : read_sequence(r, &items, number, word_head);
                r->room++;
                return value;
            }
        }
    }
    items_start(&items, cursor, token);
    if (items.left && items_next(st, &items, &first)) goto failed;
    if (!token->length || first.kind != T_BYTES) {
        items_end(st, &items, 1);
        return list_by_python(r, st->g_read, cursor, &whole, number);
    }
    if (!r->fresh) {
        /* It may call code that changes the list, which the tag is only borrowed from. */
        tag = Py_XNewRef(first.object);
        if (refresh(r)) goto failed;
    }
    int head = head_of(st, &first), answer = A_UNKNOWN;
    if (head >= 0) {
        answer = r->answer[head];
        Py_XSETREF(tag, Py_NewRef(st->head[head]));
    } else if (r->registered && PyBytes_GET_SIZE(r->registered) == first.length &&
               !memcmp(PyBytes_AS_STRING(r->registered), first.body, (size_t)first.length)) {
        answer = A_REGISTERED;
        Py_XSETREF(tag, Py_NewRef(r->registered));
    } else if (!tag && !(tag = scalar(&first)))
        goto failed;
    if (answer == A_UNKNOWN) {
        int allowed = is_allowed(r, tag);
        if (allowed < 0) goto failed;
        answer = allowed ? A_PLAIN : A_REFUSED;
        if (allowed && --r->room < 0) goto too_deep;
        if (allowed) {
            if (!r->fresh && refresh(r)) goto failed;
            int registered = is_registered(r, tag);
            if (registered < 0) goto failed;
            if (registered) answer = A_REGISTERED;
        }
        if (head >= 0 && r->kind && r->fresh) {
            r->answer[head] = (char)answer;
            if (r->lasting) st->answer[head] = (char)answer;
        } else if (answer == A_REGISTERED && r->kind && r->fresh)
            Py_XSETREF(r->registered, Py_NewRef(tag));
    } else if (answer != A_REFUSED && --r->room < 0)
        goto too_deep;
    if (answer == A_REFUSED) {
        refused(st, tag);
        goto failed;
    }
    if (answer == A_REGISTERED) {
        value = read_registered(r, tag, &items, number, &odd);
        if (!value && (!odd || PyErr_Occurred())) goto failed;
        if (!value) {
            /* What was called may have taken the list out of the one around it. */
            value = list_by_python(r, st->g_read_registered, cursor, &whole, number);
            items_end(st, &items, 1);
            goto done;
        }
    } else {
        switch (head) {
            case H_UNICODE:
                value = announced(r, number, read_text(st, &items, whole.is_key));
                reader = st->g_read_unicode;
                break;
            case H_NONE:
                value = announced(r, number, Py_NewRef(Py_None));
                break;
            case H_BOOLEAN:
                if (items.left && !items_next(st, &items, &first) && first.kind == T_BYTES) {
                    if (first.length == 4 && !memcmp(first.body, "true", 4))
                        value = announced(r, number, Py_NewRef(Py_True));
                    else if (first.length == 5 && !memcmp(first.body, "false", 5))
                        value = announced(r, number, Py_NewRef(Py_False));
                }
                reader = st->g_read_boolean;
                break;
            case H_DICTIONARY:
                value = read_dictionary(r, &items, number);
                break;
            case H_REFERENCE:
                value = read_reference(r, &items, number, &odd);
                if (odd) reader = st->g_read_reference;
                break;
            case H_DEREFERENCE:
                value = read_dereference(r, &items, number);
                reader = st->g_read_dereference;
                break;
            case H_DATETIME:
            case H_DATE:
            case H_TIME:
            case H_TIMEDELTA:
                if (items.left == 1 && !items_next(st, &items, &first) && first.kind == T_BYTES)
                    value = announced(r, number, read_moment(st, head, first.body, first.length));
                if (value || PyErr_Occurred()) break;
                /* fall through */
            case H_REMOTE:
            case -1:
                reader = PyDict_GetItemWithError(st->g_READERS, tag);
                if (!reader && !PyErr_Occurred()) reader = st->g_read_instance;
                break;
            default:
                value = read_sequence(r, &items, number, head);
        }
        if (!value && (PyErr_Occurred() || !reader)) goto failed;
        if (!value) {
            value = list_by_python(r, reader, cursor, &whole, number);
            items_end(st, &items, 1);
            goto done;
        }
    }
    if (items_end(st, &items, 0)) Py_CLEAR(value);
done:
    Py_XDECREF(tag);
    r->room++;
    return value;
too_deep:
    PyErr_Format(st->InsecureJelly, "values nested more than %S deep", r->depth);
failed:
    Py_XDECREF(tag);
    items_end(st, &items, 1);
    Py_XDECREF(value);
    return NULL;
}

/* graph.read: the object that a list stands for, to which the id `number` (NULL: none) refers. */
static PyObject *read_list(Reader *r, Cursor *cursor, Token *token, PyObject *number) {
    if (Py_EnterRecursiveCall(" while an object is unjellied")) return NULL;
    PyObject *value = read_list_inner(r, cursor, token, number);
    Py_LeaveRecursiveCall();
    return value;
}

/* Whether a value that is referred to is known to be cheap to hash, or to have no hash; see weights. */
static int is_light(Reader *r, PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyTuple_Type) {
        Py_ssize_t size = PyTuple_GET_SIZE(value);
        if (!size) return 1;
        if (size >= 1000 || r->levels < 1) return 0;
        for (Py_ssize_t i = 0; i < size; i++) {
            PyObject *item = PyTuple_GET_ITEM(value, i);
            if (!is_safe(item, 0) && Py_TYPE(item)->tp_hash != PyObject_HashNotImplemented) return 0;
        }
        return 1;
    }
    return is_safe(value, 0) || type->tp_hash == PyObject_HashNotImplemented || type->tp_hash == PyBaseObject_Type.tp_hash;
}

/* All is borrowed, until reader_end. */
static int reader_start(Reader *r, State *st, PyObject *taster, PyObject *loader, PyObject *invoker, PyObject *registry,
                        PyObject *depth) {
    memset(r, 0, offsetof(Reader, made));
    r->st = st;
    r->taster = taster;
    r->load = loader;
    r->invoker = invoker;
    r->registry = registry;
    r->depth = depth;
    r->kind = taster_kind(st, taster);
    if (r->kind < 0 || bound_of(depth, 0, &r->room)) return -1;
    if (r->room < 0) r->room = 0;
    r->levels = r->room;
    return 0;
}

/* Whether nothing of what was read is left in the reader, and what it knows holds for the next value too. */
static int is_reusable(const Reader *r) { return r->fresh && !r->references && !r->unjellier; }

/* graph.unjelly, of what is at the cursor; for the first value of a reader, or where it is reusable. */
static PyObject *read_value(Reader *r, Cursor *cursor) {
    State *st = r->st;
    PyObject *value = NULL;
    r->collects = pause_gc();
    /* So that a text, say, is known as what it is. */
    int begins =
        !r->fresh && r->kind && !cursor->list && cursor->end - cursor->at > 1 && cursor->at[0] && cursor->at[1] == LIST;
    if (!begins || !refresh(r)) value = read_next(r, cursor, 0);
    resume_gc(r->collects);
    if (value && r->references && !r->unjellier) {
        PyObject *id, *each;
        Py_ssize_t position = 0;
        int light = 1;
        while (light && PyDict_Next(r->references, &position, &id, &each)) light = is_light(r, each);
        if (!light && !unjellier_of(r)) Py_CLEAR(value);
    }
    if (value && r->unjellier) Py_SETREF(value, PyObject_CallMethodOneArg(r->unjellier, st->s_finished, value));
    if (!value) tell_recursion(st->InsecureJelly, "values nested too deep: %S");
    return value;
}

static PyObject *load(State *st, Cursor *cursor, PyObject *taster, PyObject *loader, PyObject *invoker,
                      PyObject *registry, PyObject *depth) {
    Reader r;
    if (reader_start(&r, st, taster, loader, invoker, registry, depth)) return NULL;
    PyObject *value = read_value(&r, cursor);
    reader_end(&r);
    return value;
}

/* An expression, or a packed list, on a cursor.  The item stays the caller's. */
static PyObject *load_from(State *st, PyObject *source, PyObject *taster, PyObject *loader, PyObject *invoker,
                           PyObject *registry, PyObject *depth) {
    Cursor cursor = {NULL, NULL, NULL, 0};
    if (Py_IS_TYPE(source, st->Packed)) {
        Packed *packed = (Packed *)source;
        if (!packed->data) return packed_expression(packed, NULL);
        PyObject *data = Py_NewRef(packed->data);
        cursor.at = (const byte *)PyBytes_AS_STRING(data);
        cursor.end = cursor.at + PyBytes_GET_SIZE(data);
        PyObject *value = load(st, &cursor, taster, loader, invoker, registry, depth);
        Py_DECREF(data);
        return value;
    }
    if (!PyList_CheckExact(source)) return Py_NewRef(source);
    PyObject *around = PyList_New(1);
    if (!around) return NULL;
    PyList_SET_ITEM(around, 0, Py_NewRef(source));
    cursor.list = around;
    PyObject *value = load(st, &cursor, taster, loader, invoker, registry, depth);
    Py_DECREF(around);
    return value;
}

static PyObject *unpack(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    static const char *const names[] = {"packed", "taster", "invoker", "depth", "registry"};
    State *st = state_of(module);
    PyObject *given[5];
    if (take_args("unpack", names, args, count, keywords, 2, 5, given)) return NULL;
    return load_from(st, given[0], given[1], Py_None, given[2] ? given[2] : Py_None,
                     given[4] ? given[4] : st->default_registry, given[3] ? given[3] : st->default_depth);
}

static PyObject *unjelly(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    static const char *const names[] = {"sexp", "taster", "persistentLoad", "invoker", "registry", "depth"};
    State *st = state_of(module);
    PyObject *given[6];
    if (take_args("unjelly", names, args, count, keywords, 2, 6, given)) return NULL;
    return load_from(st, given[0], given[1], given[2] ? given[2] : Py_None, given[3] ? given[3] : Py_None,
                     given[4] ? given[4] : st->default_registry, given[5] ? given[5] : st->default_depth);
}

/* ---- Messages: what a broker does with most of what it hears, and most of what it says. ----
 *
 * `spreadlite.pb` is the specification: `Broker._work` with what that calls, and `Broker._sendMessage`.  What is here
 * takes the message of a call, an answer or a decref from a decoder's bytes, if it is there as a whole and nothing about it
 * is out of the ordinary, and does what those methods do, with none of their frames.  Everything else is left to them,
 * before anything was done.  They call this only where every method on the way is theirs (`_seams.Stock`).
 */

/* Lists within lists in a message that is taken here. */
#define NEST 32
/* Bytes of the name of a method that is called here. */
#define LONGEST_NAME 64

/* A message at hand: where each of its items begins, and where it ends. */
typedef struct {
    const byte *start[7], *end;
    int items, word;
} Message;

/* Looks for a whole message in what a decoder has.  1: it is there; 0: the decoder is to find out what is.  Nothing is
   changed. */
static int whole_message(State *st, const Decoder *decoder, long long most_size, long long most_prefix, Message *message) {
    if (decoder->busy || decoder->broken || decoder->depth || decoder->skim_from >= 0 || decoder->body >= 0 ||
        decoder->partial || decoder->late)
        return 0;
    const byte *at = decoder->data + decoder->position, *end = decoder->data + decoder->end;
    Py_ssize_t prefix;
    uint64_t number, left[NEST];
    int large;
    if (at >= end || scan(at, end, most_prefix, &prefix, &number, &large) != LIST || large || number < 2 || number > 7 ||
        (long long)number > most_size)
        return 0;
    at += prefix + 1;
    message->items = (int)number;
    /* There may be very many decrefs. */
    if (number == 2 && end - at > 3 && at[0] == st->n_decref && at[1] == VOCAB &&
        scan(at + 2, end, most_prefix, &prefix, &number, &large) == INT) {
        message->word = st->n_decref;
        message->start[0] = at;
        message->start[1] = at + 2;
        message->end = at + 2 + prefix + 1;
        return st->list_cost + st->word_cost + st->item_cost <= decoder->most;
    }
    long long held = st->list_cost, text_cost = st->list_cost + 2 * st->item_cost + UNICODE;
    int deepest = decoder->deepest <= NEST ? (int)decoder->deepest - 1 : NEST, texts = most_size >= UNICODE && most_prefix > 0;
    for (int i = 0; i < message->items; i++) {
        int depth = 0;
        message->start[i] = at;
        do {
            /* Most items are short texts: they are passed over at once. */
            if (texts && i && end - at >= TEXT_HEAD + 2 && is_text(st, at) && at[TEXT_HEAD] < 0x80 &&
                at[TEXT_HEAD + 1] == STRING) {
                number = at[TEXT_HEAD];
                at += TEXT_HEAD + 2;
                if (depth >= deepest || number > (uint64_t)(end - at) || (long long)number > most_size) return 0;
                at += number;
                held += text_cost + (long long)number;
                while (depth && !--left[depth - 1]) depth--;
                continue;
            }
            int kind = scan(at, end, most_prefix, &prefix, &number, &large);
            /* Messages are told apart by a word; those of an application's own are not. */
            if (kind <= 0 || (!i && kind != VOCAB)) return 0;
            at += prefix + 1;
            switch (kind) {
                case STRING:
                    if (large || number > (uint64_t)(end - at) || (long long)number > most_size) return 0;
                    at += number;
                    held += st->item_cost + (long long)number;
                    break;
                case LIST:
                    if (large || number > (uint64_t)(end - at) || (long long)number > most_size) return 0;
                    held += st->list_cost;
                    if (number) {
                        if (depth >= deepest) return 0;
                        left[depth++] = number;
                        continue;
                    }
                    break;
                case VOCAB:
                    if (large || !number || number > (uint64_t)st->words) return 0;
                    if (!i) message->word = (int)number;
                    held += st->word_cost;
                    break;
                case FLOAT:
                    if (end - at < 8) return 0;
                    at += 8;
                    held += st->item_cost;
                    break;
                case INT:
                case LONGINT:
                case NEG:
                case LONGNEG:
                    held += st->item_cost;
                    break;
                default:
                    return 0;
            }
            while (depth && !--left[depth - 1]) depth--;
        } while (depth);
    }
    message->end = at;
    return held <= decoder->most;
}

/* What a broker and its limits have to do with a message; up to date for one message. */
typedef struct {
    State *st;
    PyObject *broker, *output, *names;
    PyObject *own, *security, *depth; /* owned */
    long long calls, nesting, size, prefix;
    /* When the slice is over, if there is an end to it and it is timed; and how many bytes of answers may be unread. */
    int ends, timed;
    double slice, stop; /* in seconds: how long it is, and when it is over */
    long long most;
    /* What the limits say of these two. */
    double limit_slice;
    long long limit_most;
    PyObject *monotonic; /* owned; NULL until it is needed */
} Desk;

static void desk_end(Desk *desk) {
    Py_CLEAR(desk->own);
    Py_CLEAR(desk->security);
    Py_CLEAR(desk->depth);
    Py_CLEAR(desk->monotonic);
}

/* An attribute of the broker's own, borrowed; NULL without an error if it has none.  What was found is remembered as long as
   the dictionary has its version, in which it holds all of it; only CPython before 3.12 tells that. */
static inline PyObject *own_value(const Desk *desk, int which, PyObject *name) {
    Seen *seen = &desk->st->seen;
    uint64_t version = dictionary_version(desk->own);
    if (version && version == seen->version) {
        if (seen->known & 1ull << which) return seen->values[which];
    } else {
        seen->version = version;
        seen->known = 0;
    }
    PyObject *found = PyDict_GetItemWithError(desk->own, name);
    if (found || !PyErr_Occurred()) {
        seen->values[which] = found;
        seen->known |= 1ull << which;
    }
    return found;
}

#define OWN(desk, name) own_value(desk, O_##name, (desk)->st->s_##name)

/* Sets such an attribute, which is none that desk_refresh looks at.  Where it was a number, of which nothing comes when it is
   let go of, the others stay known. */
static int set_own(const Desk *desk, int which, PyObject *name, PyObject *value) {
    Seen *seen = &desk->st->seen;
    PyObject *before = own_value(desk, which, name);
    int same = seen->version && before && (PyBool_Check(before) || PyLong_CheckExact(before));
    int fresh = same && seen->version == desk->st->desk_version;
    if (PyDict_SetItem(desk->own, name, value)) return -1;
    if (same) {
        seen->version = dictionary_version(desk->own);
        if (fresh) desk->st->desk_version = seen->version;
        seen->values[which] = value;
        seen->known |= 1ull << which;
    }
    return 0;
}

/* Whether the broker sends the words of the stock vocabulary as their numbers, and no others; see Banana._encode. */
static int speaks_words(const Desk *desk) {
    State *st = desk->st;
    PyObject *symbols = OWN(desk, _symbols), *words = OWN(desk, outgoingVocabulary);
    if (symbols && symbols != Py_None) return 0;
    if (!words) {
        PyTypeObject *type = Py_TYPE(desk->broker);
        if (!type->tp_version_tag || type->tp_version_tag != st->speaking_version) {
            st->speaking_version = 0;
            int plain = is_attribute(type, st->s_outgoingVocabulary);
            PyObject *found = plain > 0 ? PyObject_GetAttr((PyObject *)type, st->s_outgoingVocabulary) : NULL;
            if (!found) {
                PyErr_Clear();
                return 0;
            }
            Py_XSETREF(st->speaking, found);
            st->speaking_version = type->tp_version_tag;
        }
        words = st->speaking;
    }
    int stock = is_stock(st, words, 0);
    if (stock < 0) PyErr_Clear();
    return stock > 0;
}

static int long_attribute(PyObject *object, PyObject *name, int up, long long *value) {
    PyObject *number = PyObject_GetAttr(object, name);
    int failed = !number || bound_of(number, up, value);
    Py_XDECREF(number);
    return failed ? -1 : 0;
}

/* What limits say, into the state; they are kept if nobody can change them, so that no others can be in their place.  What
   was there before is given back, to be let go of when all else is done: that may run code, and other limits be learnt. */
static int learn_limits(State *st, PyObject *limits, PyObject *before[2]) {
    long long calls, nesting, unread = 0, most = 0;
    double seconds = 0.0;
    int ours = Py_TYPE(limits) == Py_TYPE(st->default_limits);
    PyObject *depth = PyObject_GetAttr(limits, st->s_depth), *slice;
    if (!depth || long_attribute(limits, st->s_outstanding_calls, 1, &calls) ||
        long_attribute(limits, st->s_expression_depth, 0, &nesting) ||
        (ours && (long_attribute(limits, st->s_unread_output, 0, &unread) ||
                  long_attribute(limits, st->s_expression_bytes, 0, &most)))) {
        Py_XDECREF(depth);
        return -1;
    }
    if (ours) {
        slice = PyObject_GetAttr(limits, st->s_slice_seconds);
        seconds = slice ? PyFloat_AsDouble(slice) : -1.0;
        Py_XDECREF(slice);
        if (seconds == -1.0 && PyErr_Occurred()) {
            Py_DECREF(depth);
            return -1;
        }
    }
    st->desk_version = 0;
    before[0] = st->desk_limits;
    before[1] = st->desk_depth;
    st->desk_limits = ours ? Py_NewRef(limits) : NULL;
    st->desk_depth = depth;
    st->desk_calls = calls;
    st->desk_nesting = nesting;
    st->desk_unread = unread;
    st->desk_bytes = most;
    st->desk_slice = seconds;
    return 0;
}

/* Looks up the broker's attributes, which may have been replaced as a whole. */
static int desk_own(Desk *desk) {
    PyObject *own = PyObject_GenericGetDict(desk->broker, NULL);
    if (own) Py_XSETREF(desk->own, own);
    return own ? 0 : -1;
}

/* Looks up what may have changed since the last message, but for desk_own.  1: all is as it has to be; 0: the Python way is
   to be taken. */
static int desk_refresh(Desk *desk) {
    State *st = desk->st;
    PyObject *before[4] = {NULL, NULL, NULL, NULL};
    int result = -1;
    uint64_t own_version = dictionary_version(desk->own), names_version = dictionary_version(desk->names);
    if (own_version && own_version == st->desk_version && names_version == st->names_version) goto known;
    st->desk_version = 0;
    PyObject *limits = OWN(desk, limits);
    if (limits && limits != st->desk_limits) {
        Py_INCREF(limits);
        int failed = learn_limits(st, limits, before);
        Py_DECREF(limits);
        if (failed) goto done;
    }
    PyObject *security = OWN(desk, security), *prefix = OWN(desk, prefixLimit);
    PyObject *size = names_version && names_version == st->names_version ? st->names_size : NULL;
    if (!size && (size = PyDict_GetItemWithError(desk->names, st->s_SIZE_LIMIT))) {
        st->names_version = names_version;
        st->names_size = size;
    }
    if (!limits || !security || !prefix || !size) {
        result = PyErr_Occurred() ? -1 : 0;
        goto done;
    }
    if (!PyLong_CheckExact(prefix) || !PyLong_CheckExact(size)) {
        result = 0;
        goto done;
    }
    /* They are the same numbers nearly always. */
    if (prefix != st->desk_prefix) {
        if (bound_of(prefix, 0, &st->desk_most_prefix)) goto done;
        Py_XSETREF(st->desk_prefix, Py_NewRef(prefix));
    }
    if (size != st->desk_size) {
        if (bound_of(size, 0, &st->desk_most_size)) goto done;
        Py_XSETREF(st->desk_size, Py_NewRef(size));
    }
    st->desk_security = security;
    /* Learning what they say may have put others in their place. */
    if (OWN(desk, limits) == st->desk_limits) st->desk_version = dictionary_version(desk->own);
known:
    desk->calls = st->desk_calls;
    desk->nesting = st->desk_nesting;
    desk->limit_most = st->desk_unread;
    desk->limit_slice = st->desk_slice;
    desk->prefix = st->desk_most_prefix;
    desk->size = st->desk_most_size;
    if (desk->depth != st->desk_depth) {
        before[2] = desk->depth;
        desk->depth = Py_NewRef(st->desk_depth);
    }
    if (desk->security != st->desk_security) {
        before[3] = desk->security;
        desk->security = Py_NewRef(st->desk_security);
    }
    result = 1;
done:
    /* Last, for an application's own taster, or limit, that goes here may have something to do, and change the others. */
    for (int i = 0; i < 4; i++) Py_XDECREF(before[i]);
    return result;
}

/* Begins a message in which objects are written that no hook is asked about.  1: it did; 0: the Python way is to be taken. */
static int message_begin(Desk *desk, Writer *w) {
    State *st = desk->st;
    int kind = taster_kind(st, desk->security);
    if (kind < 0) PyErr_Clear();
    if (kind <= 0 || desk->size < LONGEST_WORD || desk->prefix < 10) return 0;
    if (writer_start(w, st, desk->security, Py_None, Py_None, desk->depth)) {
        PyErr_Clear();
        return 0;
    }
    w->size_limit = desk->size;
    w->prefix_limit = desk->prefix;
    w->light = 1;
    w->gives = desk->broker;
    if (!out_begin(st, &w->out, st->last_said)) return 1;
    PyErr_Clear();
    writer_end(w);
    return 0;
}

/* Whether the message can be sent; else it is for the Python way, which finds out why not, and nothing was done.  -1 and
   an error where that is no Exception: it is for whoever made the message. */
static int message_good(const Desk *desk, Writer *w, int failed) {
    int good = !failed && !w->error && !w->hole_count && (!w->patched || !assemble(w)) && !w->error &&
               w->deepest + 2 + w->cooked <= desk->nesting;
    if (!good) {
        if (!PyErr_Occurred())
            ;
        else if (PyErr_ExceptionMatches(PyExc_Exception))
            PyErr_Clear();
        else
            good = -1;
        take_back(desk->st, desk->broker, w->registrar.made, w->first);
    }
    return good;
}

/* The message is at an end. */
static void message_end(Desk *desk, Writer *w) {
    out_end(desk->st, &w->out);
    writer_end(w);
}

/* Sends the message, which is at an end then. */
static int say(Desk *desk, Writer *w, int answers) {
    State *st = desk->st;
    PyObject *output = desk->output, *done;
    foresee(&st->last_said, w->out.length);
    if (w->out.length <= SHORT) {
        int gathered = gather(st, output, w->out.data, w->out.length, LARGE, answers);
        if (gathered) {
            message_end(desk, w);
            return gathered < 0 ? -1 : 0;
        }
        if (SLOT_OF(output, st->output, OUTPUT_FIRST) == Py_True && SLOT_OF(output, st->output, OUTPUT_GATHERING) == Py_False) {
            PyObject *transport = OWN(desk, transport);
            int sent = transport ? say_first(st, output, transport, &w->out, answers) : 0;
            if (sent) {
                message_end(desk, w);
                return sent < 0 ? -1 : 0;
            }
        }
    }
    Py_ssize_t length = w->out.length;
    PyObject *bytes = out_whole(st, &w->out);
    message_end(desk, w);
    if (!bytes) return -1;
    PyObject *transport = OWN(desk, transport);
    if (!transport) transport = Py_None;
    Py_INCREF(transport);
    if (SLOT_OF(output, st->output, OUTPUT_GATHERING) == Py_True && SLOT_OF(output, st->output, OUTPUT_CHUNKS) &&
        PyList_CheckExact(SLOT_OF(output, st->output, OUTPUT_CHUNKS))) {
        Tally *tally = (Tally *)output;
        int failed = PyList_Append(SLOT_OF(output, st->output, OUTPUT_CHUNKS), bytes);
        if (!failed && answers && can_count(tally->answers)) tally->answers += length;
        if (!failed && can_count(tally->size)) tally->size += length;
        /* As much as _flow gathers. */
        done = failed ? NULL : tally->size > LARGE ? PyObject_CallMethodOneArg(output, st->s__pass_on, transport)
                                                   : Py_NewRef(Py_None);
    } else
        done = PyObject_CallMethodObjArgs(output, st->s_write, transport, bytes, answers ? Py_True : Py_False, NULL);
    Py_DECREF(bytes);
    Py_DECREF(transport);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* An error is set: it is the one being handled from now on, as in an `except` clause, until `handled` is called.  `reading`:
   it came up as values were read. */
typedef struct {
    PyObject *type, *error, *trace;
    PyObject *outer_type, *outer_error, *outer_trace;
} Handling;

static void handle(State *st, Handling *handling, int reading) {
    PyErr_Fetch(&handling->type, &handling->error, &handling->trace);
    PyErr_NormalizeException(&handling->type, &handling->error, &handling->trace);
    if (reading && handling->error && PyErr_GivenExceptionMatches(handling->error, st->InsecureJelly)) {
        /* How the reader came to refuse it is of no use to anybody; see Broker.unserialize. */
        Py_CLEAR(handling->trace);
        PyException_SetTraceback(handling->error, Py_None);
        PyException_SetCause(handling->error, NULL);
    } else if (handling->error && handling->trace)
        PyException_SetTraceback(handling->error, handling->trace);
    PyErr_GetExcInfo(&handling->outer_type, &handling->outer_error, &handling->outer_trace);
    PyErr_SetExcInfo(Py_XNewRef(handling->type), Py_XNewRef(handling->error), Py_XNewRef(handling->trace));
}

static void handled(Handling *handling) {
    PyErr_SetExcInfo(handling->outer_type, handling->outer_error, handling->outer_trace);
    Py_XDECREF(handling->type);
    Py_XDECREF(handling->error);
    Py_XDECREF(handling->trace);
}

/* broker.unserializingPerspective. */
static PyObject *unserializing_perspective(Desk *desk) {
    State *st = desk->st;
    PyTypeObject *type = Py_TYPE(desk->broker);
    if (!type->tp_version_tag || type->tp_version_tag != st->perspective_version) {
        PyObject *of_class = PyObject_GetAttr((PyObject *)type, st->s_unserializingPerspective);
        if (!of_class) PyErr_Clear();
        if (of_class == Py_None && type->tp_getattro == PyObject_GenericGetAttr) st->perspective_version = type->tp_version_tag;
        Py_XDECREF(of_class);
        return PyObject_GetAttr(desk->broker, st->s_unserializingPerspective);
    }
    /* It is its own, or its class's, which is None. */
    PyObject *own = OWN(desk, unserializingPerspective);
    return own || PyErr_Occurred() ? Py_XNewRef(own) : Py_NewRef(Py_None);
}

/* Reads values at a cursor for a perspective: one, or the arguments of a call, which are two.  Of no keyword arguments
   nothing is made. */
static int read_values(Desk *desk, Cursor *cursor, PyObject *perspective, PyObject **first, PyObject **second) {
    State *st = desk->st;
    PyObject *broker = desk->broker, *outer = unserializing_perspective(desk);
    *first = NULL;
    if (second) *second = NULL;
    if (!outer) return -1;
    int other = outer != perspective;
    if (other && PyObject_SetAttr(broker, st->s_unserializingPerspective, perspective)) goto failed;
    Reader r;
    int started = !reader_start(&r, st, desk->security, Py_None, broker, st->default_registry, desk->depth);
    if (started) *first = read_value(&r, cursor);
    if (*first && second) {
        Py_ssize_t length = PyBytes_GET_SIZE(st->w_no_keywords);
        if (!is_reusable(&r)) {
            reader_end(&r);
            started = !reader_start(&r, st, desk->security, Py_None, broker, st->default_registry, desk->depth);
        } else if (r.answer[H_DICTIONARY] == A_PLAIN && r.room > 0 && cursor->end - cursor->at == length &&
                   !memcmp(cursor->at, PyBytes_AS_STRING(st->w_no_keywords), (size_t)length))
            second = NULL;
        if (started && second) *second = read_value(&r, cursor);
    }
    if (started) reader_end(&r);
    /* A hook may have put another there, too. */
    PyObject *now = OWN(desk, unserializingPerspective);
    if (other || (now && now != outer)) {
        PyObject *type, *error, *trace;
        PyErr_Fetch(&type, &error, &trace);
        int failed = PyObject_SetAttr(broker, st->s_unserializingPerspective, outer);
        if (!failed || type) PyErr_Restore(type, error, trace);
    }
failed:
    Py_DECREF(outer);
    if (PyErr_Occurred()) {
        Py_CLEAR(*first);
        if (second) Py_CLEAR(*second);
        return -1;
    }
    return 0;
}

/* The message is taken: its bytes from `start` on are at the cursor as long as what is returned is held. */
static PyObject *take_message(Decoder *decoder, const Message *message, const byte *start, Cursor *cursor) {
    PyObject *bytes;
    if (decoder->chunk) {
        bytes = Py_NewRef(decoder->chunk);
        *cursor = (Cursor){start, message->end, NULL, 0};
    } else {
        /* What is fed by code that is called would move them. */
        bytes = PyBytes_FromStringAndSize((const char *)start, message->end - start);
        if (!bytes) return NULL;
        start = (const byte *)PyBytes_AS_STRING(bytes);
        *cursor = (Cursor){start, start + PyBytes_GET_SIZE(bytes), NULL, 0};
    }
    decoder->position = message->end - decoder->data;
    return bytes;
}

/* After a call or an answer. */
static void message_over(Desk *desk, int was_call) {
    State *st = desk->st;
    /* They may have been replaced as a whole. */
    if (desk_own(desk)) return;
    PyObject *unsent = was_call ? OWN(desk, _unsent) : NULL;
    if (unsent && unsent != Py_None) PyDict_SetItem(desk->own, st->s__unsent, Py_None);
    PyObject *released = OWN(desk, _justReleased);
    if (released && PyDict_CheckExact(released) && PyDict_GET_SIZE(released)) {
        /* The connection may go as they do, and the dictionary with it. */
        Py_INCREF(released);
        PyDict_Clear(released);
        Py_DECREF(released);
    }
}

/* The name of a method that a peer calls; it may be had from a table of the latest. */
static PyObject *method_name(State *st, int receiver, const byte *name, Py_ssize_t length) {
    static const char *const prefixes[RECEIVERS] = {"remote_", "observe_", "perspective_"};
    const char *prefix = prefixes[receiver];
    size_t before = strlen(prefix);
    uint32_t hash = 2166136261u ^ (uint32_t)receiver;
    for (Py_ssize_t i = 0; i < length; i++) {
        if (name[i] >= 0x80) return NULL;
        hash = (hash ^ name[i]) * 16777619u;
    }
    PyObject **slot = &st->methods[(hash ^ hash >> 15) % METHODS], *known = *slot;
    if (known && PyUnicode_GET_LENGTH(known) == (Py_ssize_t)before + length &&
        !memcmp(PyUnicode_1BYTE_DATA(known), prefix, before) &&
        !memcmp(PyUnicode_1BYTE_DATA(known) + before, name, (size_t)length))
        return Py_NewRef(known);
    PyObject *text = PyUnicode_New((Py_ssize_t)before + length, 127);
    if (!text) {
        PyErr_Clear();
        return NULL;
    }
    memcpy(PyUnicode_1BYTE_DATA(text), prefix, before);
    memcpy(PyUnicode_1BYTE_DATA(text) + before, name, (size_t)length);
    Py_XSETREF(*slot, Py_NewRef(text));
    return text;
}

/* The object of ours, or the cache of one of the peer's, that a call is for; NULL where there is none, or the Python way has to
   find it. */
static PyObject *callee(Desk *desk, const Token *token, const byte *end, int cached) {
    State *st = desk->st;
    PyObject *key, *found = NULL, *exports, *locals, *ids;
    Called *called = &st->called;
    size_t length = (size_t)(end - token->start);
    int is_open = !cached && (exports = OWN(desk, _exports)) && open_table(st, exports, &locals, &ids) > 0;
    uint64_t version = is_open ? dictionary_version(locals) : 0;
    if (version && version == called->version && length == called->length && !memcmp(called->key, token->start, length) &&
        is_local(st, Py_TYPE(called->local)) > 0)
        return Py_XNewRef(SLOT_OF(called->local, st->local, LOCAL_OBJECT));
    if (token->kind == T_INT || (token->kind == T_BYTES && !cached))
        key = scalar(token);
    else
        return NULL;
    if (key && cached) {
        PyObject *caches = OWN(desk, locallyCachedObjects), *half = OWN(desk, _halfMade);
        if (caches && PyDict_CheckExact(caches) && (!half || (PyAnySet_Check(half) && !PySet_GET_SIZE(half))))
            found = Py_XNewRef(PyDict_GetItemWithError(caches, key));
    } else if (key && is_open) {
        PyObject *local = PyDict_GetItemWithError(locals, key);
        if (local && is_local(st, Py_TYPE(local)) > 0) {
            found = Py_XNewRef(SLOT_OF(local, st->local, LOCAL_OBJECT));
            called->version = length <= sizeof(called->key) ? version : 0;
            if (called->version) {
                memcpy(called->key, token->start, length);
                called->length = length;
                called->local = local;
            }
        }
    }
    Py_XDECREF(key);
    return found;
}

/* Whether nobody can tell how often, or whether, an instance is asked for remoteMessageReceived and perspective: a method, an
   attribute, and no __getattribute__. */
static int is_plain_callee(State *st, PyTypeObject *type) {
    unsigned int *known = &st->plain_callee[type->tp_version_tag % PLAIN_CALLEES];
    if (type->tp_version_tag && *known == type->tp_version_tag) return 1;
    int plain = type->tp_getattro == PyObject_GenericGetAttr;
    if (!plain) {
        PyObject *own = PyObject_GetAttr((PyObject *)type, st->s___getattribute__);
        PyObject *stock = PyObject_GetAttr((PyObject *)&PyBaseObject_Type, st->s___getattribute__);
        plain = own && own == stock;
        Py_XDECREF(own);
        Py_XDECREF(stock);
    }
    if (plain) {
        PyObject *method = PyObject_GetAttr((PyObject *)type, st->s_remoteMessageReceived);
        plain = method && PyFunction_Check(method) && is_attribute(type, st->s_perspective) > 0;
        Py_XDECREF(method);
    }
    PyErr_Clear();
    known = &st->plain_callee[type->tp_version_tag % PLAIN_CALLEES];
    if (plain) *known = type->tp_version_tag;
    return plain;
}

/* Has the broker tell the peer that its call raised what is set as error. */
static int call_raised(Desk *desk, PyObject *number, int wanted, int reading) {
    Handling handling;
    handle(desk->st, &handling, reading);
    PyObject *none = PyObject_CallMethodObjArgs(desk->broker, desk->st->s__raised, handling.error ? handling.error : Py_None,
                                                number, wanted ? Py_True : Py_False, NULL);
    handled(&handling);
    Py_XDECREF(none);
    return none ? 0 : -1;
}

/* A call of the peer's. */
typedef struct {
    int receiver, wanted;
    int apart; /* whether the method is a function that is to be called with the target first */
    /* All are owned. */
    PyObject *target, *number, *args, *method, *value;
    PyObject *keywords; /* NULL: none */
} Call;

/* For Python: the method is bound, and there are keyword arguments, if there are arguments. */
static int call_whole(Call *call) {
    if (call->args && !call->keywords && !(call->keywords = PyDict_New())) return -1;
    if (call->apart) {
        PyObject *bound = Py_TYPE(call->method)->tp_descr_get(call->method, call->target, (PyObject *)Py_TYPE(call->target));
        if (!bound) return -1;
        Py_SETREF(call->method, bound);
        call->apart = 0;
    }
    return 0;
}

/* Calls the method with no more arguments than that. */
#define FEW 8

static PyObject *call_method(Call *call) {
    Py_ssize_t count = PyTuple_GET_SIZE(call->args);
    int named = call->keywords && PyDict_GET_SIZE(call->keywords);
    if (call->apart && !named && count < FEW) {
        PyObject *args[FEW] = {call->target};
        for (Py_ssize_t i = 0; i < count; i++) args[i + 1] = PyTuple_GET_ITEM(call->args, i);
        return PyObject_Vectorcall(call->method, args, (size_t)count + 1, NULL);
    }
    return call_whole(call) ? NULL : PyObject_Call(call->method, call->args, named ? call->keywords : NULL);
}

/* Lets go of what the call was made with, and what it came to. */
static void call_end(Call *call) {
    Py_CLEAR(call->args);
    Py_CLEAR(call->keywords);
    Py_CLEAR(call->method);
    Py_CLEAR(call->value);
}

/* The result of a Deferred that has one, which is no failure, and has nothing more to do; NULL, without an error, of
   another, and of what is none. */
static PyObject *fired(State *st, PyObject *object) {
    if (!Py_IS_TYPE(object, (PyTypeObject *)st->deferred)) return NULL;
    PyObject *called = PyObject_GetAttr(object, st->s_called), *paused = NULL, *running = NULL, *result = NULL;
    if (called == Py_True) paused = PyObject_GetAttr(object, st->s_paused);
    if (paused && PyLong_CheckExact(paused) && !PyLong_AsLong(paused))
        running = PyObject_GetAttr(object, st->s__runningCallbacks);
    if (running == Py_False) result = PyObject_GetAttr(object, st->s_result);
    Py_XDECREF(called);
    Py_XDECREF(paused);
    Py_XDECREF(running);
    if (result && PyObject_IsInstance(result, st->failure)) Py_CLEAR(result);
    PyErr_Clear();
    return result;
}

/* Whether an object is a Deferred that has not fired. */
static int is_promise(State *st, PyObject *object) {
    if (!PyType_IsSubtype(Py_TYPE(object), (PyTypeObject *)st->deferred)) return 0;
    PyObject *called = PyObject_GetAttr(object, st->s_called);
    Py_XDECREF(called);
    if (!called) PyErr_Clear();
    return called == Py_False;
}

/* Begins the message that a call of the peer's came to this, and says whether it can be sent; see message_good. */
static int answer_good(Desk *desk, Writer *w, PyObject *number, PyObject *value) {
    State *st = desk->st;
    int failed = out_head(&w->out, 3, LIST) || out_head(&w->out, (uint64_t)st->n_answer, VOCAB) ||
                 out_int(st, &w->out, number, w->prefix_limit) || w_value(w, value);
    return message_good(desk, w, failed);
}

/* The result of a call is a Deferred that has not fired. */
static int call_promised(Desk *desk, Call *call) {
    State *st = desk->st;
    PyObject *done, *promise, *perspective;
    if (call->receiver == C_REMOTE) {
        if (!(perspective = PyObject_GetAttr(call->target, st->s_perspective)))
            return call_raised(desk, call->number, call->wanted, 0);
        promise = Py_NewRef(call->value);
        call_end(call);
        done = PyObject_CallMethodObjArgs(desk->broker, st->s__promised, promise, call->number, perspective, NULL);
        Py_DECREF(promise);
        Py_DECREF(perspective);
    } else {
        perspective = call->receiver == C_PERSPECTIVE ? call->target : Py_None;
        if (call_whole(call)) return -1;
        done = PyObject_CallMethodObjArgs(desk->broker, st->s__promised, call->value, call->number, perspective,
                                          call->method, call->args, call->keywords, NULL);
    }
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* The result of a call goes to the peer.  References of the peer's that came with it are released before, as frames of Python
   would. */
static int call_returned(Desk *desk, Call *call) {
    State *st = desk->st;
    PyObject *sexp = NULL, *done, *perspective, *pack = st->s__pack;
    /* The method may have put others in the place of these. */
    if (desk_own(desk)) return -1;
    if (!call->wanted && call->value == Py_None) {
        /* An application's taster is asked. */
        PyObject *security = Py_XNewRef(OWN(desk, security));
        int kind = security ? taster_kind(st, security) : 0;
        Py_XDECREF(security);
        if (kind > 0) return 0;
        if (kind < 0) PyErr_Clear();
    }
    if (call->wanted && PyCoro_CheckExact(call->value)) {
        PyObject *deferred = PyObject_CallOneArg(st->of_coroutine, call->value);
        if (!deferred) return call_raised(desk, call->number, call->wanted, 0);
        Py_SETREF(call->value, deferred);
    }
    if (call->wanted && is_promise(st, call->value)) return call_promised(desk, call);
    /* What is large is sent by those who do not copy it. */
    int large = PyBytes_CheckExact(call->value) && PyBytes_GET_SIZE(call->value) > LARGE_STRING;
    if (call->wanted && !large && !is_true(OWN(desk, disconnected))) {
        Writer w;
        int ready = desk_own(desk) ? -1 : desk_refresh(desk);
        if (ready < 0) PyErr_Clear();
        if (ready > 0 && speaks_words(desk) && message_begin(desk, &w)) {
            PyObject *result = fired(st, call->value);
            int good = answer_good(desk, &w, call->number, result ? result : call->value);
            /* Whoever keeps the Deferred finds it as if we had added a callback. */
            if (good > 0 && result && PyObject_SetAttr(call->value, st->s_result, Py_None)) PyErr_Clear();
            if (good < 0) {
                Py_XDECREF(result);
                message_end(desk, &w);
                return call_raised(desk, call->number, call->wanted, 0);
            }
            if (good) {
                PyObject *kept = !w.back ? NULL : Py_NewRef(result ? result : call->value);
                int failed = 0;
                Py_XDECREF(result);
                call_end(call);
                if (!is_true(OWN(desk, disconnected)))
                    failed = say(desk, &w, 1);
                else
                    message_end(desk, &w);
                Py_XDECREF(kept);
                return failed;
            }
            Py_XDECREF(result);
            message_end(desk, &w);
            pack = st->s__packRest;
        }
    }
    if (call->receiver == C_REMOTE) {
        perspective = PyObject_GetAttr(call->target, st->s_perspective);
        if (perspective) sexp = PyObject_CallMethodObjArgs(desk->broker, pack, call->value, perspective, NULL);
        Py_XDECREF(perspective);
    } else {
        perspective = call->receiver == C_PERSPECTIVE ? call->target : Py_None;
        if (!call_whole(call))
            sexp = PyObject_CallMethodObjArgs(desk->broker, pack, call->value, perspective, call->method, call->args,
                                              call->keywords, NULL);
    }
    if (!sexp) return call_raised(desk, call->number, call->wanted, 0);
    call_end(call);
    done = PyObject_CallMethodObjArgs(desk->broker, st->s__returned, sexp, call->number, call->wanted ? Py_True : Py_False,
                                      NULL);
    Py_DECREF(sexp);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* [message id object name answer? arguments keywords]; [cachemessage ...]: Broker._recvMessage and what that calls.
   1: done; 0: for the Python way; -1: an error that is the connection's. */
static int do_call(Desk *desk, Decoder *decoder, const Message *message, int cached) {
    State *st = desk->st;
    Token id = {0}, object = {0}, name, want, part;
    Cursor cursor = {message->start[1], message->end, NULL, 0};
    Call call = {0};
    PyObject *receive = NULL, *attribute = NULL, *bytes = NULL;
    int result = -1;
    if (next_token(st, &cursor, &id) || next_token(st, &cursor, &object)) return -1;
    const byte *behind = cursor.at;
    if (id.kind != T_INT || object.kind == T_LIST) return 0;
    if (next_token(st, &cursor, &name) || name.kind != T_BYTES || name.length < 1 || name.length > LONGEST_NAME) goto pass;
    if (next_token(st, &cursor, &want) || want.kind != T_INT || want.large) goto pass;
    const byte *arguments = cursor.at;
    if (next_token(st, &cursor, &part) || part.kind != T_LIST) goto pass;
    cursor.at = message->start[6];
    if (next_token(st, &cursor, &part) || part.kind != T_LIST) goto pass;
    long long waiting;
    PyObject *answering = OWN(desk, _answering);
    if (!answering || bound_of(answering, 0, &waiting) || waiting >= desk->calls) goto pass;
    call.wanted = want.number != 0;
    PyObject *target = callee(desk, &object, behind, cached);
    if (!target) goto pass;
    call.target = target;
    int apart = is_plain_callee(st, Py_TYPE(target)) ? find_method(target, st->s_remoteMessageReceived, &receive) : -1;
    if (apart < 0 || (!apart && !PyMethod_Check(receive))) goto pass;
    PyObject *function = apart ? receive : PyMethod_GET_FUNCTION(receive);
    while (call.receiver < RECEIVERS && function != st->receiver[call.receiver]) call.receiver++;
    if (call.receiver == RECEIVERS) goto pass;
    if (!apart && PyMethod_GET_SELF(receive) != target) {
        /* The peer's object is one that stands for the avatar; nothing but its methods is asked of that. */
        if (call.receiver != C_PERSPECTIVE) goto pass;
        Py_SETREF(call.target, Py_NewRef(PyMethod_GET_SELF(receive)));
    }
    attribute = method_name(st, call.receiver, name.body, name.length);
    if (!attribute || !(call.number = scalar(&id))) goto pass;
    if (!(bytes = take_message(decoder, message, arguments, &cursor))) goto done;
    PyObject *perspective = call.receiver == C_PERSPECTIVE ? call.target : Py_None;
    if (read_values(desk, &cursor, perspective, &call.args, &call.keywords)) {
        result = call_raised(desk, call.number, call.wanted, 1);
        goto over;
    }
    if (!PyTuple_CheckExact(call.args) ||
        (call.keywords && (!PyDict_CheckExact(call.keywords) || PyDict_GET_SIZE(call.keywords)))) {
        PyObject *pair =
            call_whole(&call) ? NULL : PyObject_CallFunctionObjArgs(st->arguments_of, call.args, call.keywords, NULL);
        if (!pair) goto raised;
        if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2) {
            Py_DECREF(pair);
            PyErr_SetString(PyExc_TypeError, "argumentsOf gave no pair");
            goto raised;
        }
        Py_SETREF(call.args, Py_NewRef(PyTuple_GET_ITEM(pair, 0)));
        Py_SETREF(call.keywords, Py_NewRef(PyTuple_GET_ITEM(pair, 1)));
        Py_DECREF(pair);
    }
    call.apart = find_method(call.target, attribute, &call.method) > 0;
    /* One of C says in its errors whose it is, and some refuse to be bound. */
    if (call.apart && !PyFunction_Check(call.method) && call_whole(&call)) {
        Py_CLEAR(call.method);
        call.apart = 0;
    }
    if (call.receiver == C_REMOTE && (!call.method || call.method == Py_None)) {
        if (!call.method) {
            if (!PyErr_ExceptionMatches(PyExc_AttributeError)) goto raised;
            PyErr_Clear();
        }
        PyErr_Format(st->NoSuchMethod, "No such method: %U", attribute);
        goto raised;
    }
    if (!call.method) goto raised;
    call.value = call_method(&call);
    if (call.value) {
        result = call_returned(desk, &call);
        goto over;
    }
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
        Handling handling;
        handle(st, &handling, 0);
        PyObject *none = call_whole(&call) ? NULL
                                           : PyObject_CallFunctionObjArgs(st->note_arguments, call.method, call.args,
                                                                          call.keywords, desk->broker, NULL);
        Py_XDECREF(none);
        /* If that failed, it is what is told. */
        int noted = none != NULL;
        PyObject *type = NULL, *error = NULL, *trace = NULL;
        if (noted) {
            type = Py_XNewRef(handling.type);
            error = Py_XNewRef(handling.error);
            trace = Py_XNewRef(handling.trace);
        } else
            PyErr_Fetch(&type, &error, &trace);
        handled(&handling);
        PyErr_Restore(type, error, trace);
    }
raised:
    result = call_raised(desk, call.number, call.wanted, 0);
over:
    if (!result) {
        message_over(desk, 1);
        result = PyErr_Occurred() ? -1 : 1;
    }
done:
    call_end(&call);
    Py_XDECREF(call.target);
    Py_XDECREF(call.number);
    Py_XDECREF(receive);
    Py_XDECREF(attribute);
    Py_XDECREF(bytes);
    return result;
pass:
    PyErr_Clear();
    Py_XDECREF(call.target);
    Py_XDECREF(call.number);
    Py_XDECREF(receive);
    Py_XDECREF(attribute);
    return 0;
}

/* Output.heard, where there is room for it. */
static int spare(Desk *desk, PyObject *output, Py_ssize_t answers, Py_ssize_t replied) {
    State *st = desk->st;
    PyObject *limits = OWN(desk, limits);
    Tally *tally = (Tally *)output;
    if (!limits || limits != st->desk_limits || is_output(st, Py_TYPE(output)) <= 0 || !can_count(answers) ||
        !can_count(replied) || !can_count(tally->answers) || !can_count(tally->replied) || !can_count(tally->spared))
        return 0;
    Py_ssize_t own = tally->answers - answers - tally->replied + replied;
    if (own <= 0) return 1;
    if (tally->spared + own > st->desk_bytes) return 0;
    tally->answers -= own;
    tally->spared += own;
    return 1;
}

/* Output.heard; an error that is set stays so. */
static void heard(Desk *desk, PyObject *output, Py_ssize_t answers, Py_ssize_t replied) {
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    /* What was called may have put others in the place of the broker's limits. */
    int there = !desk_own(desk);
    if (!(there && spare(desk, output, answers, replied))) {
        PyErr_Clear();
        PyObject *numbers[] = {PyLong_FromSsize_t(answers), PyLong_FromSsize_t(replied)};
        if (numbers[0] && numbers[1])
            Py_XDECREF(PyObject_CallMethodObjArgs(output, desk->st->s_heard, desk->broker, numbers[0], numbers[1], NULL));
        Py_XDECREF(numbers[0]);
        Py_XDECREF(numbers[1]);
    }
    PyErr_Restore(type, error, trace);
}

/* [answer id x]: Broker._answered.  As do_call. */
static int do_answer(Desk *desk, Decoder *decoder, const Message *message) {
    State *st = desk->st;
    Token id, token;
    Cursor cursor = {message->start[1], message->end, NULL, 0};
    PyObject *waiting = OWN(desk, waitingForAnswers), *question, *value = NULL, *done;
    if (next_token(st, &cursor, &id)) return -1;
    if (id.kind != T_INT || !waiting || !Py_IS_TYPE(waiting, (PyTypeObject *)st->Questions)) return 0;
    const Number *asked = &st->numbers[id.number % LATEST];
    int known = asked->number && asked->id == id.number && !id.large && !id.negative;
    PyObject *number = known ? Py_NewRef(asked->number) : scalar(&id);
    if (!number) return -1;
    Py_ssize_t before = decoder->position;
    PyObject *bytes = take_message(decoder, message, message->start[2], &cursor);
    question = bytes ? take_from(waiting, number) : NULL;
    int result = bytes && !PyErr_Occurred() ? 0 : -1;
    if (!result && (!question || question == Py_None)) {
        /* As it was: Questions says what is wrong about it. */
        if (question && PyDict_SetItem(waiting, number, question)) result = -1;
        decoder->position = before;
        Py_XDECREF(question);
        Py_DECREF(bytes);
        Py_DECREF(number);
        return result;
    }
    Py_DECREF(number);
    /* Before it is read, for hooks may say something too. */
    PyObject *output = Py_NewRef(desk->output);
    Tally *tally = (Tally *)output;
    Py_ssize_t answers = tally->answers, replied = tally->replied;
    if (!result) {
        Cursor at = cursor;
        result = next_token(st, &at, &token);
        if (!result && token.kind == T_LIST)
            read_values(desk, &cursor, Py_None, &value, NULL);
        else if (!result)
            value = scalar(&token);
    }
    if (!result) {
        if (value) {
            done = PyObject_CallMethodOneArg(question, st->s_callback, value);
        } else {
            Handling handling;
            handle(st, &handling, 1);
            done = PyObject_CallMethodObjArgs(desk->broker, st->s__unread, question,
                                              handling.error ? handling.error : Py_None, NULL);
            handled(&handling);
        }
        if (!done) result = -1;
        Py_XDECREF(done);
        if (tally->answers != answers) heard(desk, output, answers, replied);
        if (result) {
            PyObject *type, *error, *trace;
            PyErr_Fetch(&type, &error, &trace);
            message_over(desk, 0);
            PyErr_Restore(type, error, trace);
        } else {
            message_over(desk, 0);
            if (PyErr_Occurred()) result = -1;
        }
    }
    Py_DECREF(output);
    Py_XDECREF(value);
    Py_XDECREF(bytes);
    Py_XDECREF(question);
    return result ? -1 : 1;
}

/* [decref id].  As do_call. */
static int do_decref(Desk *desk, Decoder *decoder, const Message *message) {
    State *st = desk->st;
    Token id;
    Cursor cursor = {message->start[1], message->end, NULL, 0};
    if (next_token(st, &cursor, &id)) return -1;
    if (id.kind != T_INT) return 0;
    PyObject *number = scalar(&id), *exports = OWN(desk, _exports), *last = NULL, *none = NULL;
    if (!number) return -1;
    decoder->position = message->end - decoder->data;
    int done = exports ? release_local(st, exports, number, 1, &last) : 0;
    if (!done) {
        none = PyObject_CallMethodOneArg(desk->broker, st->s_proto_decref, number);
        done = none ? 1 : -1;
    } else if (done > 0 && last) {
        PyObject *cleanup = OWN(desk, _localCleanup);
        int clean = cleanup && PyDict_CheckExact(cleanup) && PyDict_GET_SIZE(cleanup);
        if (is_true(OWN(desk, waitingForAnswers))) {
            /* Made when it is needed. */
            PyObject *released = PyObject_GetAttr(desk->broker, st->s__justReleased);
            PyObject *object = released ? PyObject_GetAttr(last, st->s_object) : NULL;
            if (!object || (PyDict_CheckExact(released) && PyDict_SetItem(released, number, object))) done = -1;
            Py_XDECREF(object);
            Py_XDECREF(released);
        }
        if (done > 0 && clean) {
            none = PyObject_CallMethodOneArg(desk->broker, st->s__cleanUp, last);
            if (!none) done = -1;
        }
    }
    Py_XDECREF(none);
    Py_XDECREF(last);
    Py_DECREF(number);
    return done;
}

/* Seconds by which CLOCK_MONOTONIC_COARSE may be late: that of a system that ticks a hundred times a second. */
#define LATE 0.01

/* The time, as Broker._work has it; -1.0 and an error if there is none. */
static double now(Desk *desk) {
    State *st = desk->st;
    if (!desk->monotonic) {
        PyObject *time = PyDict_GetItemWithError(st->way.flow_of, st->s_time);
        if (time) desk->monotonic = PyObject_GetAttr(time, st->s_monotonic);
        if (!desk->monotonic) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "spreadlite._flow has no time");
            return -1.0;
        }
    }
#ifdef __linux__
    /* What that does there. */
    struct timespec at;
    if (desk->monotonic == st->clock && !clock_gettime(CLOCK_MONOTONIC, &at))
        return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
#endif
    PyObject *seconds = PyObject_CallNoArgs(desk->monotonic);
    double value = seconds ? PyFloat_AsDouble(seconds) : -1.0;
    Py_XDECREF(seconds);
    return value;
}

/* Whether it is known at a fifth of the price that the slice is not over: by a clock that is late, by no more than that. */
static int is_early(const Desk *desk) {
#ifdef CLOCK_MONOTONIC_COARSE
    struct timespec at;
    return desk->monotonic == desk->st->clock && !clock_gettime(CLOCK_MONOTONIC_COARSE, &at) &&
           (double)at.tv_sec + (double)at.tv_nsec * 1e-9 + LATE < desk->stop;
#else
    (void)desk;
    return 0;
#endif
}

/* The slice begins now, if it has not. */
static int start_slice(Desk *desk) {
    if (!desk->ends || desk->timed) return 0;
    double begun = now(desk);
    if (begun == -1.0 && PyErr_Occurred()) return -1;
    desk->stop = begun + desk->slice;
    desk->timed = 1;
    return 0;
}

/* Whether others are to have their turn now, or the peer is to read first; see Broker._work. */
static int is_due(Desk *desk) {
    if (!desk->ends) return 0;
    if (((Tally *)desk->output)->answers > desk->most) return 1;
    if (!desk->timed) return 0;
    if (is_early(desk)) return 0;
    double seconds = now(desk);
    if (seconds == -1.0 && PyErr_Occurred()) return -1;
    return seconds >= desk->stop;
}

/* The functions of flavors and pb that are stood in for here. */
static int learn_receivers(State *st) {
    if (st->receiver[C_PERSPECTIVE]) return 0;
    struct {
        PyObject **at, *name;
    } each[] = {{&st->arguments_of, st->s_arguments_of},
                {&st->note_arguments, st->s_note_arguments},
                {&st->deferred, st->s_deferred},
                {&st->of_coroutine, st->s_of_coroutine},
                {&st->failure, st->s_failure},
                {&st->receiver[C_REMOTE], st->s_remote_receive},
                {&st->receiver[C_OBSERVE], st->s_observe_receive},
                {&st->receiver[C_PERSPECTIVE], st->s_perspective_receive}};
    for (int i = 0; i < 8; i++) {
        PyObject *found = PyDict_GetItemWithError(st->g_STOCK, each[i].name);
        if (!found) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "spreadlite.pb is not there");
            return -1;
        }
        Py_XSETREF(*each[i].at, Py_NewRef(found));
    }
    return 0;
}

/* What `next_message` came to. */
enum { M_DONE = 1, M_DEAF, M_DUE };

/* Does with the next message at hand what Broker._work does.  0: nothing was done; there is none, or not one for us.
   `fast`: whether they may be ours. */
static int next_message(Desk *desk, Decoder *decoder, int *fast) {
    State *st = desk->st;
    Message message;
    PyTypeObject *type = Py_TYPE(desk->broker);
    int done = desk_own(desk) ? -1 : desk_refresh(desk);
    if (done < 0) return -1;
    if (is_true(OWN(desk, _deaf))) return M_DEAF;
    if (decoder->attributes < 0) {
        decoder->attributes = PyDict_GET_SIZE(desk->own);
        decoder->class_version = type->tp_version_tag;
    } else if (decoder->class_version != type->tp_version_tag)
        /* What was called may have put others in the place of our methods. */
        *fast = 0;
    else if (decoder->attributes != PyDict_GET_SIZE(desk->own)) {
        decoder->attributes = PyDict_GET_SIZE(desk->own);
        if (OWN(desk, localObjectForID) || OWN(desk, cachedLocallyAs) || OWN(desk, incomingVocabulary) ||
            OWN(desk, _recvMessage) || OWN(desk, _answered) || OWN(desk, proto_decref)) {
            decoder->attributes = PY_SSIZE_T_MAX;
            *fast = 0;
        }
    }
    if (!done || !*fast || is_true(OWN(desk, _parting)) ||
        !whole_message(st, decoder, desk->size, desk->prefix, &message))
        return 0;
    if (message.end < decoder->data + decoder->end && desk->ends && !desk->timed) {
        if (start_slice(desk)) return -1;
        /* Asking for the time may have called code. */
        if (!whole_message(st, decoder, desk->size, desk->prefix, &message)) return 0;
    }
    done = 0;
    if (message.word == st->n_message && message.items == 7)
        done = do_call(desk, decoder, &message, 0);
    else if (message.word == st->n_answer && message.items == 3)
        done = do_answer(desk, decoder, &message);
    else if (message.word == st->n_decref && message.items == 2)
        done = do_decref(desk, decoder, &message);
    else if (message.word == st->n_cachemessage && message.items == 7)
        done = do_call(desk, decoder, &message, 1);
    if (done <= 0) return done;
    int due = is_due(desk);
    if (due <= 0) return due < 0 ? -1 : M_DONE;
    if (desk_own(desk)) return -1;
    return is_true(OWN(desk, _deaf)) ? M_DONE : M_DUE;
}

static PyObject *serve(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    State *st = state_of(module);
    if (count != 8 || !Py_IS_TYPE(args[0], st->Decoder) || !PyDict_CheckExact(args[6])) {
        PyErr_SetString(PyExc_TypeError, "serve() takes a decoder, a broker and six more arguments");
        return NULL;
    }
    Decoder *decoder = (Decoder *)args[0];
    PyObject *over = args[2], *words = NULL, *item = NULL;
    Desk desk = {.st = st, .broker = args[1], .output = args[3], .names = args[6], .ends = over != Py_None, .timed = 1};
    desk.stop = PyFloat_AsDouble(args[4]);
    if ((desk.stop == -1.0 && PyErr_Occurred()) || bound_of(args[5], 0, &desk.most)) return NULL;
    if (learn_receivers(st) || !(words = PyObject_GetAttr(desk.broker, st->s_incomingVocabulary))) return NULL;
    desk.monotonic = Py_NewRef(args[7]);
    int fast = decoder->shallow && is_output(st, Py_TYPE(desk.output)) > 0 ? is_stock(st, words, 1) : 0;
    if (fast < 0) goto end;
    for (;;) {
        int done = next_message(&desk, decoder, &fast);
        if (done < 0) goto end;
        if (done == M_DEAF) {
            item = Py_NewRef(st->NEED_DATA);
            goto end;
        }
        if (done == M_DUE) {
            int truth = is_true_that(PyObject_CallNoArgs(over));
            if (truth < 0) goto end;
            if (truth) {
                item = Py_NewRef(Py_False);
                goto end;
            }
        }
        if (!done) break;
    }
    /* They may be others by now. */
    PyObject *new_words = PyObject_GetAttr(desk.broker, st->s_incomingVocabulary);
    if (!new_words) goto end;
    Py_SETREF(words, new_words);
    PyObject *limits[3] = {words, PyDict_GetItemWithError(desk.names, st->s_SIZE_LIMIT), OWN(&desk, prefixLimit)};
    if (!limits[2] || limits[2] == Py_None) limits[2] = PyDict_GetItemWithError(desk.names, st->s__PREFIX_LIMIT);
    if (limits[1] && limits[2]) {
        Py_INCREF(limits[1]);
        Py_INCREF(limits[2]);
        item = decoder_next(decoder, limits, 3, NULL);
        Py_DECREF(limits[1]);
        Py_DECREF(limits[2]);
    } else if (!PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "serve() got no limits");
end:
    Py_DECREF(words);
    desk_end(&desk);
    return item;
}

/* A reading as a whole.  `spreadlite.pb.Broker.dataReceived` calls this, and `_flow.Inflow` is the specification, with
   `Broker._work` and `_flow.Output`.  What is out of the ordinary is left to them: as a whole, before anything was done, or
   from there on, by Inflow.work. */

enum {
    INFLOW_BACKLOG, INFLOW_CALL, INFLOW_LIMITS, INFLOW_OUTPUT, INFLOW_PAUSED, INFLOW_TRANSPORT, INFLOW_WAIT, INFLOW_LOST,
    INFLOW_STOP, INFLOW_SLOTS
};
enum { SEAMS_VERSION, SEAMS_REMEMBERS, SEAMS_SLOTS };

/* Whether a class is _flow.Inflow, with its own methods. */
static int is_inflow(State *st, PyTypeObject *type) {
    if (is_known(&st->inflow, type)) return 1;
    PyObject *const names[INFLOW_SLOTS] = {st->s__backlog,   st->s__call, st->s__limits, st->s__output, st->s__paused,
                                           st->s__transport, st->s__wait, st->s_lost,    st->s_stop};
    Slotted found;
    int stock = learn_slots(st, &found, type, st->s_inflow, names, INFLOW_SLOTS);
    if (stock > 0) stock = is_stock_method(st, type, st->s_received, st->s_inflow_received);
    if (stock > 0) stock = is_stock_method(st, type, st->s_work, st->s_inflow_work);
    if (stock > 0) stock = is_stock_method(st, type, st->s__over, st->s_inflow_over);
    if (stock > 0) stock = is_stock_method(st, type, st->s__done, st->s_inflow_done);
    if (stock > 0) st->inflow = found;
    return stock;
}

/* Whether a class of brokers reads by its own methods, the words of Banana, and has mere attributes where that looks. */
static int reads_itself(State *st, PyTypeObject *type, PyObject *names) {
    if (type->tp_version_tag && type->tp_version_tag == st->reading_version) return 1;
    if (type->tp_getattro != PyObject_GenericGetAttr || type->tp_setattro != PyObject_GenericSetAttr) return 0;
    PyObject *banana = PyDict_GetItemWithError(names, st->s_Banana), *words, *stock_words;
    if (!banana || !PyType_Check(banana) || !PyType_IsSubtype(type, (PyTypeObject *)banana)) return PyErr_Occurred() ? -1 : 0;
    if (!(words = PyObject_GetAttr((PyObject *)type, st->s_incomingVocabulary))) return -1;
    stock_words = PyObject_GetAttr(banana, st->s_incomingVocabulary);
    int stock = !stock_words ? -1 : words == stock_words ? is_stock(st, words, 1) : 0;
    Py_DECREF(words);
    Py_XDECREF(stock_words);
    if (stock > 0) stock = is_stock_method(st, type, st->s__work, st->s_broker_work);
    PyObject *const attributes[] = {st->s__receiving, st->s__stock,  st->s__deaf,     st->s__inflow,        st->s__decoder,
                                    st->s__output,    st->s_limits, st->s_transport, st->s_currentDialect, st->s__reactor,
                                    st->s__parting,   st->s_incomingVocabulary};
    for (int i = 0; stock > 0 && i < 12; i++) stock = is_attribute(type, attributes[i]);
    if (stock > 0) st->reading_version = type->tp_version_tag;
    return stock;
}

/* _seams.Stock.on, of a broker with these attributes of its own. */
static int is_on(State *st, PyObject *stock, PyObject *broker, PyObject *own) {
    PyTypeObject *type = Py_TYPE(stock);
    int known = is_known(&st->seams, type);
    if (!known) {
        PyObject *const names[SEAMS_SLOTS] = {st->s__version, st->s__remembers};
        Slotted found;
        known = learn_slots(st, &found, type, st->s_seams, names, SEAMS_SLOTS);
        if (known > 0) known = is_stock_method(st, type, st->s_on, st->s_seams_on);
        if (known < 0) return -1;
        if (known) st->seams = found;
    }
    if (known) {
        PyObject *version = SLOT_OF(stock, st->seams, SEAMS_VERSION);
        PyObject *seen = PyDict_GetItemWithError(own, st->s__attributesSeen);
        unsigned int tag = Py_TYPE(broker)->tp_version_tag;
        Py_ssize_t size = PyDict_GET_SIZE(own);
        int same = tag && version && PyLong_CheckExact(version) && PyLong_AsUnsignedLong(version) == tag &&
                   SLOT_OF(stock, st->seams, SEAMS_REMEMBERS) == Py_True && seen && PyLong_CheckExact(seen) &&
                   PyLong_AsSsize_t(seen) == size;
        if (same) {
            /* No more are looked at than were taken away. */
            PyObject *key, *last = NULL;
            Py_ssize_t at = size - 1;
            while (PyDict_Next(own, &at, &key, NULL)) last = key;
            if (last == st->s__attributesSeen) return 1;
        }
        PyErr_Clear();
    }
    return is_true_that(PyObject_CallMethodOneArg(stock, st->s_on, broker));
}

/* After a reading: Inflow.work, where it has come to an end. */
static int end_reading(Desk *desk, PyObject *transport) {
    State *st = desk->st;
    PyObject *none;
    int failed;
    if (is_true(OWN(desk, _deaf))) {
        none = PyObject_CallMethodNoArgs(desk->output, st->s_drop);
        Py_XDECREF(none);
        failed = !none;
    } else {
        /* It may have been replaced. */
        PyObject *other = OWN(desk, transport);
        other = Py_NewRef(other ? other : transport);
        failed = flush(st, desk->output, other);
        Py_DECREF(other);
    }
    return failed;
}

/* Tells what the slice is, for Inflow. */
static int tell_slice(Desk *desk, PyObject *inflow, PyObject *transport, PyObject *limits) {
    State *st = desk->st;
    if (!desk->ends) return 0;
    PyObject *stop = start_slice(desk) ? NULL : PyFloat_FromDouble(desk->stop);
    if (!stop) return -1;
    Py_XSETREF(SLOT_OF(inflow, st->inflow, INFLOW_STOP), stop);
    Py_XSETREF(SLOT_OF(inflow, st->inflow, INFLOW_TRANSPORT), Py_NewRef(transport));
    Py_XSETREF(SLOT_OF(inflow, st->inflow, INFLOW_OUTPUT), Py_NewRef(desk->output));
    Py_XSETREF(SLOT_OF(inflow, st->inflow, INFLOW_LIMITS), Py_NewRef(limits));
    return 0;
}

/* _flow's _busy, borrowed. */
static PyObject *busy_ones(State *st) {
    uint64_t version = dictionary_version(st->way.flow_of);
    if (!version || version != st->busy_version) {
        st->busy = PyDict_GetItemWithError(st->way.flow_of, st->s__busy);
        st->busy_version = st->busy ? version : 0;
    }
    return st->busy;
}

static int set_receiving(Desk *desk, PyObject *truth) {
    State *st = desk->st;
    return desk_own(desk) || set_own(desk, O__receiving, st->s__receiving, truth) ||
                   set_own(desk, O__stock, st->s__stock, truth)
               ? -1
               : 0;
}

/* Finds the module that Output is in. */
static int learn_flow(State *st) {
    if (st->way.flow_of) return 0;
    PyObject *write = PyDict_GetItemWithError(st->g_STOCK, st->s_output_write);
    if (!write || !PyFunction_Check(write)) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "spreadlite._flow is not there");
        return -1;
    }
    st->way.flow_of = Py_NewRef(PyFunction_GET_GLOBALS(write));
    return 0;
}

static PyObject *read_chunk(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    State *st = state_of(module);
    if (count != 4 || !PyDict_CheckExact(args[3])) {
        PyErr_SetString(PyExc_TypeError, "read() takes a broker, bytes and two more arguments");
        return NULL;
    }
    PyObject *broker = args[0], *chunk = args[1], *value, *busy;
    Desk desk = {.st = st, .broker = broker, .names = args[3]};
    PyObject *inflow = NULL, *decoding = NULL, *output = NULL, *transport = NULL, *limits = NULL;
    int failed = -1, enough = 0, done = reads_itself(st, Py_TYPE(broker), args[3]);
    if (done < 0) return NULL;
    if (!done || !PyBytes_CheckExact(chunk)) Py_RETURN_FALSE;
    if (learn_receivers(st) || learn_flow(st)) return NULL;
    if (!(desk.own = PyObject_GenericGetDict(broker, NULL))) return NULL;
    value = OWN(&desk, currentDialect);
    if (!value || !PyBytes_CheckExact(value) || strcmp(PyBytes_AS_STRING(value), "pb")) goto pass;
    value = OWN(&desk, _receiving);
    if ((value && value != Py_False) || OWN(&desk, incomingVocabulary) ||
        OWN(&desk, _work))
        goto pass;
    inflow = Py_XNewRef(OWN(&desk, _inflow));
    decoding = Py_XNewRef(OWN(&desk, _decoder));
    output = Py_XNewRef(OWN(&desk, _output));
    transport = Py_XNewRef(OWN(&desk, transport));
    limits = Py_XNewRef(OWN(&desk, limits));
    if (!inflow || !decoding || !output || !transport || !limits || !Py_IS_TYPE(decoding, st->Decoder) ||
        Py_TYPE(limits) != Py_TYPE(st->default_limits))
        goto pass;
    Decoder *decoder = (Decoder *)decoding;
    if (is_inflow(st, Py_TYPE(inflow)) <= 0 || is_output(st, Py_TYPE(output)) <= 0) goto pass;
    if (SLOT_OF(inflow, st->inflow, INFLOW_CALL) != Py_None || SLOT_OF(inflow, st->inflow, INFLOW_PAUSED) != Py_False ||
        SLOT_OF(inflow, st->inflow, INFLOW_LOST) != Py_None || is_true(SLOT_OF(inflow, st->inflow, INFLOW_BACKLOG)) ||
        is_true(SLOT_OF(inflow, st->inflow, INFLOW_WAIT)))
        goto pass;
    busy = busy_ones(st);
    if (!busy || !PyAnySet_Check(busy) || PySet_GET_SIZE(busy) || decoder->busy) goto pass;
    /* They may be changed, even where they are Banana's. */
    value = PyObject_GetAttr((PyObject *)Py_TYPE(broker), st->s_incomingVocabulary);
    done = value ? is_stock(st, value, 1) : -1;
    Py_XDECREF(value);
    if (done <= 0 || (done = is_on(st, args[2], broker, desk.own)) <= 0) goto pass;
    desk.output = output;
    if ((done = desk_refresh(&desk)) <= 0) goto pass;
    value = OWN(&desk, _reactor);
    desk.ends = value && value != Py_None;
    desk.most = desk.limit_most;
    desk.slice = desk.limit_slice;
    /* From here on it is begun. */
    if (!decoder->broken && decoder_take(decoder, chunk)) goto end;
    if (begin_gathering(st, output, transport)) goto end;
    decoder->shallow = 1;
    decoder->attributes = -1;
    done = set_receiving(&desk, Py_True);
    int fast = 1;
    while (!done) {
        done = next_message(&desk, decoder, &fast);
        if (done == M_DUE) {
            if (tell_slice(&desk, inflow, transport, limits)) done = -1;
            else {
                enough = is_true_that(PyObject_CallMethodNoArgs(inflow, st->s__over));
                done = enough < 0 ? -1 : enough ? M_DUE : 0;
            }
        } else if (done == M_DONE)
            done = 0;
        else if (!done)
            break;
    }
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    failed = set_receiving(&desk, Py_False);
    int rest = !failed && done >= 0 && done != M_DEAF &&
               (done == M_DUE || decoder->broken || decoder->late || decoder->depth || decoder->body >= 0 ||
                decoder->skim_from >= 0 || decoder->position < decoder->end ||
                is_true(SLOT_OF(inflow, st->inflow, INFLOW_BACKLOG)));
    if (rest) {
        failed = tell_slice(&desk, inflow, transport, limits);
        if (!failed) {
            value = PyObject_CallMethodObjArgs(inflow, st->s_work, broker, Py_True, enough > 0 ? Py_True : Py_False, NULL);
            Py_XDECREF(value);
            failed = value ? 0 : -1;
        }
    } else if (!failed) {
        decoder_let_go(decoder);
        failed = end_reading(&desk, transport);
    }
    if (type) {
        if (failed) PyErr_Clear();
        PyErr_Restore(type, error, trace);
        failed = -1;
    }
    if (!failed && !rest) {
        busy = busy_ones(st);
        if (busy && PySet_Check(busy) && PySet_GET_SIZE(busy) && PySet_Discard(busy, inflow) < 0) failed = -1;
        value = SLOT_OF(inflow, st->inflow, INFLOW_LOST);
        if (!failed && ((value && value != Py_None) || is_true(SLOT_OF(inflow, st->inflow, INFLOW_PAUSED)))) {
            value = PyObject_CallMethodOneArg(inflow, st->s__done, broker);
            Py_XDECREF(value);
            failed = value ? 0 : -1;
        }
    }
    goto end;
pass:
    failed = PyErr_Occurred() ? -1 : 1;
end:
    desk_end(&desk);
    Py_XDECREF(inflow);
    Py_XDECREF(decoding);
    Py_XDECREF(output);
    Py_XDECREF(transport);
    Py_XDECREF(limits);
    if (failed < 0) return NULL;
    return PyBool_FromLong(!failed);
}

/* A call of the peer's object, where no hook is asked about its arguments: what Broker._sendMessage does.  None where the
   Python way is to be taken, before anything was done. */
static PyObject *ask_for(Desk *desk, int word, PyObject *object, const char *name, Py_ssize_t length, PyObject *whole,
                         PyObject *const *values, Py_ssize_t count, PyObject *named, PyObject *deferred) {
    State *st = desk->st;
    PyObject *question = NULL, *number = NULL, *made = NULL, *last = NULL;
    long long first = 0;
    if (!(PyLong_CheckExact(object) || PyBytes_CheckExact(object)) || has_large_leaf(values, count) ||
        is_output(st, Py_TYPE(desk->output)) <= 0 || desk_own(desk) || desk_refresh(desk) <= 0)
        goto pass;
    PyObject *waiting = OWN(desk, waitingForAnswers), *dialect = OWN(desk, currentDialect);
    if (!waiting || !Py_IS_TYPE(waiting, (PyTypeObject *)st->Questions) || PyDict_GET_SIZE(waiting) >= desk->calls ||
        is_true(OWN(desk, disconnected)) || !dialect || !PyBytes_CheckExact(dialect) ||
        strcmp(PyBytes_AS_STRING(dialect), "pb") || !speaks_words(desk))
        goto pass;
    int overflow;
    last = Py_XNewRef(OWN(desk, currentRequestID));
    if (!last && !(last = PyObject_GetAttr((PyObject *)Py_TYPE(desk->broker), st->s_currentRequestID))) goto pass;
    long long id = PyLong_CheckExact(last) ? PyLong_AsLongLongAndOverflow(last, &overflow) : -1;
    if (id < 0 || id >= LLONG_MAX / 2) goto pass;
    if (!(number = PyLong_FromLongLong(++id))) goto pass;
    Writer w;
    if (!message_begin(desk, &w)) goto pass;
    Number *asked = &st->numbers[id % LATEST];
    asked->id = (uint64_t)id;
    Py_XSETREF(asked->number, Py_NewRef(number));
    /* Whatever is made from here on may run finalizers, which may call the peer: this call has its number. */
    if (set_own(desk, O_currentRequestID, st->s_currentRequestID, number)) {
        message_end(desk, &w);
        goto pass;
    }
    int failed = out_head(&w.out, 7, LIST) || out_head(&w.out, (uint64_t)word, VOCAB) ||
                 out_int(st, &w.out, number, w.prefix_limit) ||
                 (PyLong_CheckExact(object) ? out_int(st, &w.out, object, w.prefix_limit) : w_bytes(&w, object)) ||
                 w_octets(&w, name, length) || out_head(&w.out, 1, INT) || w_arguments(&w, whole, values, count) ||
                 (named ? w_value(&w, named) : out_bytes(&w.out, st->w_no_keywords));
    int good = message_good(desk, &w, failed);
    if (good < 0) {
        message_end(desk, &w);
        goto failed;
    }
    if (!good) {
        message_end(desk, &w);
        if (OWN(desk, currentRequestID) == number) (void)set_own(desk, O_currentRequestID, st->s_currentRequestID, last);
        goto pass;
    }
    made = Py_XNewRef(w.registrar.made);
    first = w.first;
    if (!(question = PyObject_CallNoArgs(deferred))) {
        message_end(desk, &w);
        goto failed;
    }
    /* The connection may have gone meanwhile, or another call been made. */
    waiting = OWN(desk, waitingForAnswers);
    if (!waiting || waiting == Py_None || is_true(OWN(desk, disconnected))) {
        message_end(desk, &w);
        PyObject *none = PyObject_CallMethodOneArg(desk->broker, st->s__unasked, question);
        if (!none) goto failed;
        Py_DECREF(none);
    } else {
        /* Before the call is said: a transport may bring the answer at once. */
        if (Py_IS_TYPE(waiting, (PyTypeObject *)st->Questions) ? PyDict_SetItem(waiting, number, question)
                                                                : PyObject_SetItem(waiting, number, question)) {
            message_end(desk, &w);
            goto failed;
        }
        if (say(desk, &w, is_true(OWN(desk, _receiving)))) {
            PyObject *type, *error, *trace;
            take_back(st, desk->broker, made, first);
            Py_CLEAR(made);
            PyErr_Fetch(&type, &error, &trace);
            PyObject *none = PyObject_CallMethodObjArgs(desk->broker, st->s__unsaid, number, question, NULL);
            if (!none) PyErr_Clear();
            Py_XDECREF(none);
            PyErr_Restore(type, error, trace);
            goto failed;
        }
    }
    Py_XDECREF(made);
    Py_DECREF(last);
    Py_DECREF(number);
    return question;
failed:
    take_back(st, desk->broker, made, first);
    Py_XDECREF(made);
    Py_XDECREF(last);
    Py_XDECREF(number);
    Py_XDECREF(question);
    return NULL;
pass:
    PyErr_Clear();
    Py_XDECREF(last);
    Py_XDECREF(number);
    Py_RETURN_NONE;
}

/* Whether a value is none that another can refer to, and may be a keyword argument here: what positional arguments share with
   keyword arguments is sent twice. */
static int is_simple(PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBool_Type || type == &PyFloat_Type ||
           value == Py_None || (type == &PyBytes_Type && PyBytes_GET_SIZE(value) <= LARGE_STRING);
}

static PyObject *ask_peer(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    if (count != 9 || !PyDict_CheckExact(args[6])) {
        PyErr_SetString(PyExc_TypeError, "ask() takes a broker and eight more arguments");
        return NULL;
    }
    State *st = state_of(module);
    PyObject *prefix = args[2], *name = args[4], *named = NULL, *key, *value;
    if (PyDict_Check(args[8]) && PyDict_GET_SIZE(args[8])) named = args[8];
    if (!PyBytes_CheckExact(prefix) || !PyBytes_CheckExact(name) || (named && !PyDict_CheckExact(named)) ||
        !PyTuple_CheckExact(args[5]))
        Py_RETURN_NONE;
    for (Py_ssize_t at = 0; named && PyDict_Next(named, &at, &key, &value);)
        if (!PyUnicode_CheckExact(key) || !is_simple(value)) Py_RETURN_NONE;
    /* A copy: it may be among the arguments, too, and change as these are written. */
    if (named && !(named = PyDict_Copy(named))) return NULL;
    Desk desk = {.st = st, .broker = args[0], .output = args[1], .names = args[6]};
    PyObject *question = ask_for(&desk, PyBytes_GET_SIZE(prefix) ? st->n_cachemessage : st->n_message, args[3],
                                 PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), args[5], &PyTuple_GET_ITEM(args[5], 0),
                                 PyTuple_GET_SIZE(args[5]), named, args[7]);
    desk_end(&desk);
    Py_XDECREF(named);
    return question;
}

/* Answers a call of the peer's, where no hook is asked about the result: what Broker._sendAnswer does.  False where that is
   to be done there, before anything was done. */
static PyObject *answer_peer(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    if (count != 7 || !PyList_CheckExact(args[4]) || !PyDict_CheckExact(args[5])) {
        PyErr_SetString(PyExc_TypeError, "answer() takes a broker and six more arguments");
        return NULL;
    }
    State *st = state_of(module);
    PyObject *number = args[2], *value = args[3], *whose = args[4], *dialect;
    Desk desk = {.st = st, .broker = args[0], .output = args[1], .names = args[5]};
    Writer w;
    int done = 0;
    if (!PyLong_CheckExact(number) || (PyBytes_CheckExact(value) && PyBytes_GET_SIZE(value) > LARGE_STRING) ||
        is_output(st, Py_TYPE(desk.output)) <= 0 || desk_own(&desk) || desk_refresh(&desk) <= 0 ||
        is_true(OWN(&desk, disconnected)) || !(dialect = OWN(&desk, currentDialect)) || !PyBytes_CheckExact(dialect) ||
        strcmp(PyBytes_AS_STRING(dialect), "pb") || !speaks_words(&desk) || !message_begin(&desk, &w))
        goto over;
    int good = answer_good(&desk, &w, number, value);
    if (good < 0) {
        message_end(&desk, &w);
        done = -1;
    } else if (good) {
        done = 1;
        /* What it is the result of ends before it is said, which may run finalizers. */
        int failed = PyList_SetSlice(whose, 0, PyList_GET_SIZE(whose), NULL);
        if (!failed && is_true(OWN(&desk, disconnected)))
            message_end(&desk, &w);
        else if (failed) {
            message_end(&desk, &w);
            done = -1;
        } else {
            Tally *tally = (Tally *)desk.output;
            if (can_count(tally->replied)) tally->replied += w.out.length;
            if (say(&desk, &w, 1)) done = -1;
        }
    } else
        message_end(&desk, &w);
over:
    desk_end(&desk);
    if (done < 0) return NULL;
    PyErr_Clear();
    return PyBool_FromLong(done);
}

/* Whether a class of brokers makes calls by Broker's own method. */
static int calls_itself(State *st, PyTypeObject *type) {
    if (type->tp_version_tag && type->tp_version_tag == st->calling_version) return 1;
    if (type->tp_getattro != PyObject_GenericGetAttr) return 0;
    int stock = is_stock_method(st, type, st->s__sendMessage, st->s_send_message);
    if (stock > 0) stock = is_attribute(type, st->s__stock);
    if (stock > 0) stock = is_attribute(type, st->s__output);
    if (stock > 0) st->calling_version = type->tp_version_tag;
    return stock;
}

/* Keyword arguments as a dictionary; NULL where one is for callRemote itself, or is not simple. */
static PyObject *keywords_of(PyObject *names, PyObject *const *values) {
    PyObject *named = PyDict_New();
    for (Py_ssize_t i = 0; named && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        /* Those that begin with pb may be callRemote's own; it has parameters by the names of the others. */
        int own = !PyUnicode_CheckExact(name) || !PyUnicode_CompareWithASCIIString(name, "self") ||
                  !PyUnicode_CompareWithASCIIString(name, "_name") ||
                  (PyUnicode_GET_LENGTH(name) > 1 && PyUnicode_READ_CHAR(name, 0) == 'p' &&
                   PyUnicode_READ_CHAR(name, 1) == 'b');
        if (own || !is_simple(values[i]) || PyDict_SetItem(named, name, values[i])) Py_CLEAR(named);
    }
    return named;
}

/* What is made for an answer; NULL, perhaps with an error, where the method's module does not say. */
static PyObject *deferred_of(State *st, const Method *method) {
    uint64_t version = dictionary_version(method->deferreds);
    if (version && version == st->deferreds_version) return Py_NewRef(st->made_for_answers);
    PyObject *found = PyDict_GetItemWithError(method->deferreds, st->s_Deferred);
    if (found) {
        st->deferreds_version = version;
        st->made_for_answers = found;
    }
    return Py_XNewRef(found);
}

/* RemoteReference.callRemote, in the course of a reading in which it was seen that all is stock.  None, as for ask_for. */
static PyObject *call_peer(State *st, const Method *method, PyObject *reference, PyObject *name, PyObject *const *rest,
                           Py_ssize_t count, PyObject *keywords) {
    PyObject *broker = NULL, *luid = NULL, *named = NULL, *question = NULL, *deferred = NULL;
    const char *text = NULL;
    Py_ssize_t length = 0;
    Desk desk = {.st = st, .names = method->sizes};
    if (PyUnicode_CheckExact(name))
        text = PyUnicode_AsUTF8AndSize(name, &length);
    else if (PyBytes_CheckExact(name)) {
        text = PyBytes_AS_STRING(name);
        length = PyBytes_GET_SIZE(name);
    }
    if (!text || !(broker = PyObject_GetAttr(reference, st->s_broker)) || calls_itself(st, Py_TYPE(broker)) <= 0) goto pass;
    desk.broker = broker;
    if (!(desk.own = PyObject_GenericGetDict(broker, NULL)) || OWN(&desk, _stock) != Py_True || OWN(&desk, _sendMessage) ||
        !(desk.output = Py_XNewRef(OWN(&desk, _output))) || !(luid = PyObject_GetAttr(reference, st->s_luid)) ||
        !(deferred = deferred_of(st, method)))
        goto pass;
    if (keywords && PyTuple_GET_SIZE(keywords) && !(named = keywords_of(keywords, rest + count))) goto pass;
    question = ask_for(&desk, st->n_message, luid, text, length, NULL, rest, count, named, deferred);
    goto done;
pass:
    /* The Python way tells what is wrong, if anything is. */
    PyErr_Clear();
    question = Py_NewRef(Py_None);
done:
    desk_end(&desk);
    Py_XDECREF(desk.output);
    Py_XDECREF(deferred);
    Py_XDECREF(named);
    Py_XDECREF(luid);
    Py_XDECREF(broker);
    return question;
}

static PyObject *caller_call(PyObject *self, PyObject *const *args, size_t flags, PyObject *keywords) {
    Py_ssize_t count = PyVectorcall_NARGS(flags);
    State *st = method_state(self);
    if (st && ((Method *)self)->sizes && count > 1) {
        PyObject *question = call_peer(st, (Method *)self, args[0], args[1], args + 2, count - 2, keywords);
        if (question != Py_None) return question;
        Py_DECREF(question);
    }
    return method_function(self, args, flags, keywords);
}

static PyObject *caller(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    if (count != 3 || !PyDict_CheckExact(args[1]) || !PyDict_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "caller() takes a function and two dictionaries");
        return NULL;
    }
    Method *self = new_method(module, args[0], caller_call);
    if (!self) return NULL;
    self->sizes = Py_NewRef(args[1]);
    self->deferreds = Py_NewRef(args[2]);
    return (PyObject *)self;
}

/* ---- The module. ---- */

/* A number that a class has as long as neither it nor a class that it inherits from is changed, and none else ever has; None
   where it has none at the moment. */
static PyObject *class_version(PyObject *Py_UNUSED(module), PyObject *cls) {
    unsigned int version = PyType_Check(cls) ? ((PyTypeObject *)cls)->tp_version_tag : 0;
    return version ? PyLong_FromUnsignedLong(version) : Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    {"class_version", class_version, METH_O,
     "A number that a class has until it or one of its bases is changed, or None."},
    {"encode", (PyCFunction)(void (*)(void))encode, METH_FASTCALL | METH_KEYWORDS,
     "The bytes of an expression; see `spreadlite.core.wire.encode`."},
    {"encode_parts", (PyCFunction)(void (*)(void))encode_parts, METH_FASTCALL | METH_KEYWORDS,
     "The same, as a list of parts where that saves copies of what is large."},
    {"pack", (PyCFunction)(void (*)(void))pack, METH_FASTCALL | METH_KEYWORDS,
     "The expression of an object, packed; what stands for itself is returned as it is."},
    {"pack_light", (PyCFunction)(void (*)(void))pack_light, METH_FASTCALL | METH_KEYWORDS,
     "The same for what has nothing in it that a hook may be asked about, else None."},
    {"unpack", (PyCFunction)(void (*)(void))unpack, METH_FASTCALL | METH_KEYWORDS,
     "The object that a packed list, or an expression, stands for."},
    {"serve", (PyCFunction)(void (*)(void))serve, METH_FASTCALL,
     "Do what a broker does with messages, up to one that is out of the ordinary; see `spreadlite.core.codec`."},
    {"read", (PyCFunction)(void (*)(void))read_chunk, METH_FASTCALL,
     "Do what a broker does with bytes that came, where nothing is out of the ordinary; see `spreadlite.core.codec`."},
    {"answer", (PyCFunction)(void (*)(void))answer_peer, METH_FASTCALL,
     "Answer a call of the peer's, or give False; see `spreadlite.core.codec`."},
    {"ask", (PyCFunction)(void (*)(void))ask_peer, METH_FASTCALL,
     "Do what a broker does to call the peer, or give None; see `spreadlite.core.codec`."},
    {"caller", (PyCFunction)(void (*)(void))caller, METH_FASTCALL,
     "The same as a function that is RemoteReference.callRemote, in less time where all is stock."},
    {"jelly", (PyCFunction)(void (*)(void))jelly, METH_FASTCALL | METH_KEYWORDS,
     "The expression of an object; see `spreadlite.core.graph.jelly`."},
    {"unjelly", (PyCFunction)(void (*)(void))unjelly, METH_FASTCALL | METH_KEYWORDS,
     "The object that an expression stands for; see `spreadlite.core.graph.unjelly`."},
    {"finalizer", finalizer, METH_O,
     "The same as a function that is RemoteReference.__del__, in less time where all is stock."},
    {"release", (PyCFunction)(void (*)(void))release, METH_FASTCALL | METH_KEYWORDS,
     "Count one less for an object in a table; see `spreadlite.core.tables.LocalTable.release`."},
    {NULL, NULL, 0, NULL},
};

static PyObject *take(PyObject *from, const char *name) {
    return from ? PyObject_GetAttrString(from, name) : NULL;
}

static int take_long(PyObject *from, const char *name, long long *value) {
    PyObject *number = take(from, name);
    int failed = !number || bound_of(number, 0, value);
    Py_XDECREF(number);
    return failed;
}

/* The vocabulary, from `vocabulary.WORDS`: the words by number, and what tells fast that something is none. */
static int learn_words(State *st) {
    PyObject *key, *value;
    Py_ssize_t position = 0;
    /* A copy: an application may add words of its own to that of Banana, which it is. */
    PyObject *own = PyDict_Copy(st->WORDS);
    if (!own) return -1;
    Py_SETREF(st->WORDS, own);
    st->words = PyDict_GET_SIZE(st->WORDS);
    if (st->words >= LARGEST_WORD || !(st->NUMBERS = PyDict_New())) return -1;
    while (PyDict_Next(st->WORDS, &position, &key, &value)) {
        long number = PyLong_AsLong(value);
        if (number < 1 || number > st->words || !PyBytes_CheckExact(key) || PyBytes_GET_SIZE(key) >= LONGEST_WORD ||
            PyBytes_GET_SIZE(key) < 1 || st->word[number] || PyDict_SetItem(st->NUMBERS, value, key)) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_ImportError, "a word of the vocabulary has no place");
            return -1;
        }
        st->word[number] = Py_NewRef(key);
        st->number[number] = Py_NewRef(value);
        st->letters[PyBytes_GET_SIZE(key)] |= 1u << (PyBytes_AS_STRING(key)[0] & 31);
        st->same_length[number] = st->first_of_length[PyBytes_GET_SIZE(key)];
        st->first_of_length[PyBytes_GET_SIZE(key)] = (byte)number;
        st->head_of_word[number] = -1;
        if (!strcmp("message", PyBytes_AS_STRING(key))) st->n_message = (int)number;
        if (!strcmp("answer", PyBytes_AS_STRING(key))) st->n_answer = (int)number;
        if (!strcmp("decref", PyBytes_AS_STRING(key))) st->n_decref = (int)number;
        if (!strcmp("cachemessage", PyBytes_AS_STRING(key))) st->n_cachemessage = (int)number;
        for (int head = 0; head < HEADS; head++)
            if (!strcmp(head_names[head], PyBytes_AS_STRING(key))) {
                st->head_of_word[number] = head;
                Py_XSETREF(st->head[head], Py_NewRef(key));
            }
    }
    return 0;
}

/* The bytes of an expression in which nothing varies. */
static PyObject *constant(State *st, const char *format, ...) {
    va_list values;
    Out out;
    va_start(values, format);
    PyObject *expression = Py_VaBuildValue(format, values);
    va_end(values);
    if (!expression || out_start(&out, 64)) {
        Py_XDECREF(expression);
        return NULL;
    }
    Encoder encoder = {st, &out, st->WORDS, 1, 1 << 20, 64, 64, 0, NULL};
    int result = encode_into(&encoder, expression);
    Py_DECREF(expression);
    if (!result) return out_done(&out);
    Py_XDECREF(out.bytes);
    if (result == ODD) PyErr_SetString(PyExc_ImportError, "a constant cannot be encoded");
    return NULL;
}

/* The beginning of a list: what `constant` makes of it, with another number of items than it has. */
static PyObject *beginning(State *st, int size, PyObject *head) {
    PyObject *bytes = constant(st, "[O]", head);
    if (bytes) PyBytes_AS_STRING(bytes)[0] = (char)size;
    return bytes;
}

static int module_exec(PyObject *module) {
    State *st = state_of(module);
    PyObject *errors = PyImport_ImportModule("spreadlite.core.errors");
    PyObject *wire = errors ? PyImport_ImportModule("spreadlite.core.wire") : NULL;
    PyObject *graph = wire ? PyImport_ImportModule("spreadlite.core.graph") : NULL;
    PyObject *vocabulary = graph ? PyImport_ImportModule("spreadlite.core.vocabulary") : NULL;
    PyObject *policy = vocabulary ? PyImport_ImportModule("spreadlite.core.policy") : NULL;
    PyObject *limits = policy ? PyImport_ImportModule("spreadlite.core.limits") : NULL;
    PyObject *registry = limits ? PyImport_ImportModule("spreadlite.core.registry") : NULL;
    PyObject *tables = registry ? PyImport_ImportModule("spreadlite.core.tables") : NULL;
    PyObject *security = NULL, *dummy = NULL, *time = NULL, *moments = NULL, *decimal = NULL;
    int failed = !tables;
#define X(name) failed = failed || !(st->name = take(errors, #name));
    FROM_ERRORS(X)
#undef X
#define X(name) failed = failed || !(st->name = take(wire, #name));
    FROM_WIRE(X)
#undef X
#define X(name) failed = failed || !(st->g_##name = take(graph, #name));
    FROM_GRAPH(X)
#undef X
#define X(name) failed = failed || !(st->s_##name = PyUnicode_InternFromString(#name));
    NAMES(X) STOCK_NAMES(X) REFERENCE_NAMES(X) REFERENCE_STOCK(X) READING_NAMES(X)
#undef X
    failed = failed || !(st->qual = take(graph, "qual")) || !(st->partial = take(graph, "partial")) ||
             !(st->WORDS = take(vocabulary, "WORDS")) ||
             !(st->default_limits = take(limits, "DEFAULT_LIMITS")) ||
             !(st->default_depth = take(st->default_limits, "depth")) ||
             !(st->default_nesting = take(st->default_limits, "expression_depth")) ||
             !(st->default_size = take(vocabulary, "SIZE_LIMIT")) ||
             !(st->default_prefix = take(vocabulary, "PREFIX_LIMIT")) ||
             !(st->default_registry = take(registry, "DEFAULT_REGISTRY")) || !(st->no_args = PyTuple_New(0)) ||
             !(st->Questions = take(tables, "Questions")) || !(security = take(policy, "SecurityOptions")) ||
             !(dummy = take(policy, "DummySecurityOptions")) ||
             !(st->stock_asks = take(security, "isTypeAllowed")) || !(st->dummy_asks = take(dummy, "isTypeAllowed")) ||
             !(moments = PyImport_ImportModule("datetime")) || !(decimal = PyImport_ImportModule("decimal")) ||
             !(st->Decimal = (PyTypeObject *)take(decimal, "Decimal")) ||
             !(time = PyImport_ImportModule("time")) || !(st->clock = take(time, "monotonic")) ||
             take_long(limits, "ITEM_COST", &st->item_cost) || take_long(limits, "LIST_COST", &st->list_cost) ||
             take_long(limits, "WORD_COST", &st->word_cost) ||
             take_long(limits, "EXPRESSION_BYTES", &st->expression_bytes) ||
             take_long(limits, "BESIDE_STRING", &st->beside_string) || learn_words(st);
    for (int head = 0; !failed && head < HEADS; head++)
        if (!st->head[head]) failed = !(st->head[head] = PyBytes_FromString(head_names[head]));
    failed = failed || !(st->true_word = PyBytes_FromString("true")) ||
             !(st->false_word = PyBytes_FromString("false")) || !(st->w_remote = Py_BuildValue("[y]", "remote"));
    /* Types come before constants: the encoder compares with Packed. */
    failed = failed || !(st->Packed = (PyTypeObject *)PyType_FromModuleAndSpec(module, &packed_spec, NULL)) ||
             !(st->Decoder = (PyTypeObject *)PyType_FromModuleAndSpec(module, &decoder_spec, NULL)) ||
             !(st->Place = (PyTypeObject *)PyType_FromModuleAndSpec(module, &place_spec, NULL)) ||
             !(st->Method = (PyTypeObject *)PyType_FromModuleAndSpec(module, &method_spec, NULL)) ||
             !(st->Tally = (PyTypeObject *)PyType_FromModuleAndSpec(module, &tally_spec, NULL)) ||
             PyModule_AddType(module, st->Packed) || PyModule_AddType(module, st->Decoder) ||
             PyModule_AddType(module, st->Tally);
    failed = failed || !(st->w_none = constant(st, "[O]", st->head[H_NONE])) ||
             !(st->w_no_keywords = constant(st, "[O]", st->head[H_DICTIONARY])) ||
             !(st->w_true = constant(st, "[OO]", st->head[H_BOOLEAN], st->true_word)) ||
             !(st->w_false = constant(st, "[OO]", st->head[H_BOOLEAN], st->false_word)) ||
             !(st->w_unicode = beginning(st, 2, st->head[H_UNICODE])) ||
             !(st->w_reference = beginning(st, 3, st->head[H_REFERENCE])) ||
             !(st->w_dereference = beginning(st, 2, st->head[H_DEREFERENCE])) ||
             !(st->w_remote_head = beginning(st, 2, PyList_GET_ITEM(st->w_remote, 0))) ||
             !(st->w_local_head = constant(st, "[y]", "local")) || !(st->w_decref = constant(st, "[y]", "decref"));
    if (!failed) PyBytes_AS_STRING(st->w_local_head)[0] = PyBytes_AS_STRING(st->w_decref)[0] = 2;
    for (int head = 0; !failed && head < HEADS; head++) failed = !(st->w_head[head] = constant(st, "O", st->head[head]));
    if (!failed && PyBytes_GET_SIZE(st->w_unicode) == TEXT_HEAD) {
        memcpy(&st->text_head[0], PyBytes_AS_STRING(st->w_unicode), 8);
        memcpy(&st->text_head[1], PyBytes_AS_STRING(st->w_unicode) + TEXT_HEAD - 8, 8);
    }
    if (!failed && (PyBytes_GET_SIZE(st->w_unicode) != TEXT_HEAD || !PyDict_CheckExact(st->g_WRITERS) ||
                    !PyDict_CheckExact(st->g_READERS) || !PyDict_CheckExact(st->g_STOCK) ||
                    !PyAnySet_Check(st->g_LEAF_WRITERS) ||
                    !PyType_Check(st->g_Pending))) {
        PyErr_SetString(PyExc_ImportError, "spreadlite.core.graph is not as it was when this was compiled");
        failed = 1;
    }
    Py_XDECREF(errors);
    Py_XDECREF(wire);
    Py_XDECREF(graph);
    Py_XDECREF(vocabulary);
    Py_XDECREF(policy);
    Py_XDECREF(limits);
    Py_XDECREF(registry);
    Py_XDECREF(tables);
    Py_XDECREF(security);
    Py_XDECREF(dummy);
    Py_XDECREF(time);
    Py_XDECREF(decimal);
    /* That is one for all interpreters; ours is in the state. */
    (void)PyDateTimeAPI;
    if (!failed && (!(st->moments_of = PyObject_GetAttrString(moments, "datetime_CAPI")) ||
                    !(st->moments = PyCapsule_GetPointer(st->moments_of, PyDateTime_CAPSULE_NAME))))
        PyErr_Clear();
    Py_XDECREF(moments);
    return failed ? -1 : 0;
}

/* Visits or clears each reference of the state. */
#define EACH(X)                                                                                                        \
    X(w_remote_head) X(w_local_head) X(w_decref) X(moments_of) X(Method) X(Tally) X(Decimal) X(way.module_of)          \
    X(way.threads_of) X(way.flow_of) X(way.limits_of) X(stock_asks) X(dummy_asks) X(qual) X(partial)                   \
    X(default_registry) X(default_depth) X(default_size) X(default_prefix) X(default_nesting) X(default_limits)        \
    X(WORDS) X(NUMBERS) X(no_args) X(Packed) X(Decoder) X(Place) X(true_word) X(false_word) X(w_none) X(w_true)        \
    X(w_false) X(w_unicode) X(w_reference) X(w_dereference) X(w_remote) X(desk_limits) X(desk_depth) X(speaking)       \
    X(scratch) X(arguments_of) X(note_arguments) X(Questions) X(deferred) X(of_coroutine) X(failure) X(w_no_keywords)  \
    X(socket_type) X(desk_prefix) X(desk_size) X(clock)

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    State *st = state_of(module);
    if (!st) return 0;
#define X(name) Py_VISIT(st->name);
    FROM_ERRORS(X) FROM_WIRE(X) EACH(X)
#undef X
#define X(name) Py_VISIT(st->g_##name);
    FROM_GRAPH(X)
#undef X
    for (int i = 0; i < RECEIVERS; i++) Py_VISIT(st->receiver[i]);
    for (int i = 0; i < 2; i++) {
        Py_VISIT(st->registry_asked.values[i]);
        Py_VISIT(st->taster_asked.values[i]);
    }
    return 0;
}

static int module_clear(PyObject *module) {
    State *st = state_of(module);
    if (!st) return 0;
#define X(name) Py_CLEAR(st->name);
    FROM_ERRORS(X) FROM_WIRE(X) EACH(X)
#undef X
#define X(name) Py_CLEAR(st->g_##name);
    FROM_GRAPH(X)
#undef X
#define X(name) Py_CLEAR(st->s_##name);
    NAMES(X) STOCK_NAMES(X) REFERENCE_NAMES(X) REFERENCE_STOCK(X) READING_NAMES(X)
#undef X
    for (int i = 0; i < LARGEST_WORD; i++) {
        Py_CLEAR(st->word[i]);
        Py_CLEAR(st->number[i]);
    }
    for (int i = 0; i < HEADS; i++) {
        Py_CLEAR(st->head[i]);
        Py_CLEAR(st->w_head[i]);
    }
    for (int i = 0; i < 2; i++) {
        Py_CLEAR(st->registry_asked.values[i]);
        Py_CLEAR(st->taster_asked.values[i]);
    }
    st->registry_asked.class_version = st->taster_asked.class_version = 0;
    for (int i = 0; i < KEYS; i++) Py_CLEAR(st->keys[i]);
    for (int i = 0; i < METHODS; i++) Py_CLEAR(st->methods[i]);
    for (int i = 0; i < LATEST; i++) Py_CLEAR(st->numbers[i].number);
    for (int i = 0; i < RECEIVERS; i++) Py_CLEAR(st->receiver[i]);
    return 0;
}

static void module_free(void *module) { module_clear((PyObject *)module); }

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "spreadlite.core._compiled",
    .m_doc = "The compiled twin of wire and graph.  Import `spreadlite.core.codec`, which chooses.",
    .m_size = sizeof(State),
    .m_methods = functions,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__compiled(void) { return PyModuleDef_Init(&module_def); }
