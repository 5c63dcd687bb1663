import com.fasterxml.jackson.core.type.TypeReference;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.test.TestRecord;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.time.Duration;
import java.time.Instant;
import java.util.*;
import java.util.zip.*;

/** Reads case inputs (JSON), runs them on TopologyTestDriver and writes the cases with what came out. */
@SuppressWarnings({"unchecked", "rawtypes"})
public final class Oracle {
    static final String APP = "app";
    final Map<String, Object> cs;
    final Map<String, Object> spec;
    final Map<String, Object> things = new LinkedHashMap<>();
    final Map<String, Object> branches = new LinkedHashMap<>();
    final Set<String> stores = new TreeSet<>();
    /** Join stores that cannot be listed: Java has no window from t to t. */
    final Set<String> windowsOfNoLength = new TreeSet<>();
    StreamsBuilder b = new StreamsBuilder();
    final Topology low = new Topology();
    String phase = "construct", step = null;
    int event = -1;

    Oracle(Map<String, Object> cs) { this.cs = cs; this.spec = (Map) cs.get("spec"); }

    static <T> T get(Map m, String k) { return (T) m.get(k); }
    static Duration ms(Object o) { return Duration.ofMillis((Long) o); }
    Object ref(Map s, String field) {
        Object t = things.get(s.get(field));
        if (t == null) throw new IllegalStateException("no step " + s.get(field) + " for " + s);
        return t;
    }
    KStream in(Map s) { return (KStream) ref(s, "in"); }

    // ---- option objects ---------------------------------------------------------------------------
    Consumed consumed(Map s) {
        Consumed c = Consumed.with(Lib.serde(s.get("key")), Lib.serde(s.get("value")));
        if (s.containsKey("timestamp")) c = c.withTimestampExtractor(Lib.extractor(s.get("timestamp")));
        if (s.containsKey("name")) c = c.withName(get(s, "name"));
        return c;
    }
    Produced produced(Map s) {
        Produced p = Produced.with(Lib.serde(s.get("key")), Lib.serde(s.get("value")));
        if (s.containsKey("name")) p = p.withName(get(s, "name"));
        return p;
    }
    Grouped grouped(Map s) {
        Map g = get(s, "grouped");
        if (g == null) return null;
        Grouped r = g.containsKey("name") ? Grouped.as(get(g, "name")) : Grouped.keySerde(null);
        return r.withKeySerde(Lib.serde(g.get("key"))).withValueSerde(Lib.serde(g.get("value")));
    }
    /** kind: kv, window, session: which supplier "supplier": true asks for. */
    Materialized materialized(Map s, String kind) {
        Map m = get(s, "store");
        if (m == null) return null;
        String name = get(m, "name"), impl = get(m, "impl");
        Materialized r;
        if (name != null) stores.add(name);
        if ("versioned".equals(impl)) r = Materialized.as((KeyValueBytesStoreSupplier) (m.containsKey("segment")
            ? Stores.persistentVersionedKeyValueStore(name, ms(m.get("history")), ms(m.get("segment")))
            : Stores.persistentVersionedKeyValueStore(name, ms(m.get("history")))));
        else if ("lru".equals(impl)) r = Materialized.as(Stores.lruMap(name, ((Long) m.get("max")).intValue()));
        else if (Boolean.TRUE.equals(m.get("supplier"))) {
            boolean mem = "in_memory".equals(impl);
            if (kind.equals("kv")) r = Materialized.as(mem ? Stores.inMemoryKeyValueStore(name) : Stores.persistentTimestampedKeyValueStore(name));
            else if (kind.equals("window")) r = Materialized.as(mem ? Stores.inMemoryWindowStore(name, ms(m.get("retention")), ms(m.get("window_size")), false)
                : Stores.persistentTimestampedWindowStore(name, ms(m.get("retention")), ms(m.get("window_size")), false));
            else r = Materialized.as(mem ? Stores.inMemorySessionStore(name, ms(m.get("retention"))) : Stores.persistentSessionStore(name, ms(m.get("retention"))));
        } else {
            r = name != null ? Materialized.as(name) : Materialized.with(null, null);
            if ("in_memory".equals(impl)) r = r.withStoreType(BuiltInDslStoreSuppliers.IN_MEMORY);
            if ("rocksdb".equals(impl)) r = r.withStoreType(BuiltInDslStoreSuppliers.ROCKS_DB);
            if (m.containsKey("retention")) r = r.withRetention(ms(m.get("retention")));
        }
        if (m.containsKey("key")) r = r.withKeySerde(Lib.serde(m.get("key")));
        if (m.containsKey("value")) r = r.withValueSerde(Lib.serde(m.get("value")));
        if (Boolean.FALSE.equals(m.get("caching"))) r = r.withCachingDisabled();
        if (Boolean.TRUE.equals(m.get("caching"))) r = r.withCachingEnabled();
        if (Boolean.FALSE.equals(m.get("logging"))) r = r.withLoggingDisabled();
        return r;
    }
    Named named(Map s) { return s.containsKey("name") ? Named.as(get(s, "name")) : null; }
    StoreBuilder storeBuilder(Map m) {
        String name = get(m, "name"); stores.add(name);
        boolean mem = "in_memory".equals(m.get("impl"));
        Serde k = Lib.serde(m.get("key")), v = Lib.serde(m.get("value"));
        StoreBuilder r;
        switch ((String) m.get("kind")) {
            case "kv": r = Stores.keyValueStoreBuilder("lru".equals(m.get("impl")) ? Stores.lruMap(name, ((Long) m.get("max")).intValue())
                : mem ? Stores.inMemoryKeyValueStore(name) : Stores.persistentKeyValueStore(name), k, v); break;
            case "timestamped_kv": r = Stores.timestampedKeyValueStoreBuilder(mem ? Stores.inMemoryKeyValueStore(name) : Stores.persistentTimestampedKeyValueStore(name), k, v); break;
            case "versioned": r = Stores.versionedKeyValueStoreBuilder(Stores.persistentVersionedKeyValueStore(name, ms(m.get("history"))), k, v); break;
            case "window": r = Stores.windowStoreBuilder(mem ? Stores.inMemoryWindowStore(name, ms(m.get("retention")), ms(m.get("window_size")), Boolean.TRUE.equals(m.get("duplicates")))
                : Stores.persistentWindowStore(name, ms(m.get("retention")), ms(m.get("window_size")), Boolean.TRUE.equals(m.get("duplicates"))), k, v); break;
            case "session": r = Stores.sessionStoreBuilder(mem ? Stores.inMemorySessionStore(name, ms(m.get("retention"))) : Stores.persistentSessionStore(name, ms(m.get("retention"))), k, v); break;
            default: throw Lib.unknown("store kind", m);
        }
        if (Boolean.TRUE.equals(m.get("caching"))) r.withCachingEnabled();
        if (Boolean.FALSE.equals(m.get("logging"))) r.withLoggingDisabled();
        return r;
    }
    JoinWindows joinWindows(Map w) {
        JoinWindows j = w.containsKey("grace") ? JoinWindows.ofTimeDifferenceAndGrace(ms(w.get("diff")), ms(w.get("grace")))
            : JoinWindows.ofTimeDifferenceWithNoGrace(ms(w.get("diff")));
        if (w.containsKey("before")) j = j.before(ms(w.get("before")));
        if (w.containsKey("after")) j = j.after(ms(w.get("after")));
        return j;
    }
    StreamJoined streamJoined(Map s) {
        Map j = get(s, "joined");
        if (j == null) return null;
        StreamJoined r = StreamJoined.with(Lib.serde(j.get("key")), Lib.serde(j.get("left")), Lib.serde(j.get("right")));
        if (j.containsKey("name")) r = r.withName(get(j, "name"));
        if (j.containsKey("store_name")) {
            String n = get(j, "store_name");
            r = r.withStoreName(n);
            String kind = get(s, "op");
            String o = kind.equals("outer_join") ? "outer-" : "";
            if (joinWindows(get(s, "windows")).size() == 0) for (String side : List.of("this", "other")) { windowsOfNoLength.add(n + "-" + side + "-join-store"); windowsOfNoLength.add(n + "-outer-" + side + "-join-store"); }
            stores.add(n + "-this-join-store"); stores.add(n + "-other-join-store");
            stores.add(n + "-outer-this-join-store"); stores.add(n + "-outer-other-join-store");
        }
        if ("in_memory".equals(j.get("impl"))) r = r.withDslStoreSuppliers(BuiltInDslStoreSuppliers.IN_MEMORY);
        if (Boolean.FALSE.equals(j.get("logging"))) r = r.withLoggingDisabled();
        return r;
    }
    Joined joined(Map s) {
        Map j = get(s, "joined");
        if (j == null) return null;
        return Joined.with(Lib.serde(j.get("key")), Lib.serde(j.get("left")), Lib.serde(j.get("right")), (String) j.get("name"),
            j.containsKey("grace") ? ms(j.get("grace")) : null);
    }
    Suppressed suppressed(Map s) {
        Map bc = get(s, "buffer");
        Suppressed.BufferConfig c;
        if (bc.containsKey("max_records")) {
            c = Suppressed.BufferConfig.maxRecords((Long) bc.get("max_records"));
            if (bc.containsKey("max_bytes")) c = c.withMaxBytes((Long) bc.get("max_bytes"));
        } else if (bc.containsKey("max_bytes")) c = Suppressed.BufferConfig.maxBytes((Long) bc.get("max_bytes"));
        else c = Suppressed.BufferConfig.unbounded();
        if ("shut_down".equals(bc.get("when_full"))) c = c.shutDownWhenFull();
        if ("emit_early".equals(bc.get("when_full"))) c = c.emitEarlyWhenFull();
        if (Boolean.FALSE.equals(bc.get("logging"))) c = c.withLoggingDisabled();
        Suppressed<Object> r = s.get("mode").equals("until_window_closes") ? (Suppressed) Suppressed.untilWindowCloses((Suppressed.StrictBufferConfig) c)
            : (Suppressed) Suppressed.untilTimeLimit(ms(s.get("ms")), c);
        return s.containsKey("name") ? r.withName((String) s.get("name")) : r;
    }

    static Initializer init(Map s) { Object v = s.get("init"); return () -> v; }
    static Reducer reducer(Object f) { Lib.F3 a = Lib.aggregator(f); return (x, y) -> a.f(null, y, x); }
    static Aggregator aggregator(Object f) { Lib.F3 a = Lib.aggregator(f); return (k, v, g) -> a.f(k, v, g); }
    static Merger merger(Object f) { Lib.F3 a = Lib.merger(f); return (k, x, y) -> a.f(k, x, y); }
    static KeyValueMapper kvm(Object f) { Lib.F2 a = Lib.mapper(f); return (k, v) -> a.f(k, v); }
    static KeyValueMapper pair(Map s) {
        if (Boolean.TRUE.equals(s.get("null_pair"))) return (k, v) -> null;
        Lib.F2 a = Lib.mapper(s.get("key_fn")), c = Lib.mapper(s.get("value_fn"));
        return (k, v) -> KeyValue.pair(a.f(k, v), c.f(k, v));
    }
    static Predicate pred(Object f) { Lib.P2 p = Lib.predicate(f); return (k, v) -> p.f(k, v); }
    static ValueJoinerWithKey joinerK(Object f) { Lib.F3 j = Lib.joiner(f); return (k, l, r) -> j.f(k, l, r); }
    static ValueJoiner joiner(Object f) { Lib.F3 j = Lib.joiner(f); return (l, r) -> j.f(null, l, r); }

    // ---- steps ------------------------------------------------------------------------------------
    Object run(Map s) {
        Named nm = named(s);
        switch ((String) s.get("op")) {
            case "stream":
                if (s.containsKey("pattern")) return b.stream(java.util.regex.Pattern.compile(get(s, "pattern")), consumed(s));
                if (s.containsKey("topics")) return b.stream((Collection<String>) s.get("topics"), consumed(s));
                return b.stream((String) s.get("topic"), consumed(s));
            case "table": {
                Materialized m = materialized(s, "kv");
                return m == null ? b.table((String) s.get("topic"), consumed(s)) : b.table((String) s.get("topic"), consumed(s), m);
            }
            case "global_table": {
                Materialized m = materialized(s, "kv");
                return m == null ? b.globalTable((String) s.get("topic"), consumed(s)) : b.globalTable((String) s.get("topic"), consumed(s), m);
            }
            case "add_state_store": return b.addStateStore(storeBuilder(get(s, "store")));
            case "add_global_store":
                return b.addGlobalStore(storeBuilder(get(s, "store")), (String) s.get("topic"), consumed(s), Lib.processor(s.get("processor")));
            case "filter": case "filter_not": {
                boolean not = s.get("op").equals("filter_not");
                Object t = ref(s, "in");
                if (t instanceof KStream) {
                    KStream k = (KStream) t;
                    if (nm == null) return not ? k.filterNot(pred(s.get("fn"))) : k.filter(pred(s.get("fn")));
                    return not ? k.filterNot(pred(s.get("fn")), nm) : k.filter(pred(s.get("fn")), nm);
                }
                KTable k = (KTable) t;
                Materialized m = materialized(s, "kv");
                if (m == null && nm == null) return not ? k.filterNot(pred(s.get("fn"))) : k.filter(pred(s.get("fn")));
                if (m == null) return not ? k.filterNot(pred(s.get("fn")), nm) : k.filter(pred(s.get("fn")), nm);
                if (nm == null) return not ? k.filterNot(pred(s.get("fn")), m) : k.filter(pred(s.get("fn")), m);
                return not ? k.filterNot(pred(s.get("fn")), nm, m) : k.filter(pred(s.get("fn")), nm, m);
            }
            case "map_values": {
                Lib.F2 f = Lib.mapper(s.get("fn"));
                ValueMapperWithKey vm = (k, v) -> f.f(k, v);
                Object t = ref(s, "in");
                if (t instanceof KStream) return nm == null ? ((KStream) t).mapValues(vm) : ((KStream) t).mapValues(vm, nm);
                Materialized m = materialized(s, "kv");
                KTable k = (KTable) t;
                return m == null ? (nm == null ? k.mapValues(vm) : k.mapValues(vm, nm)) : (nm == null ? k.mapValues(vm, m) : k.mapValues(vm, nm, m));
            }
            case "transform_values": {
                Materialized m = materialized(s, "kv");
                KTable k = (KTable) ref(s, "in");
                String[] st = storeNames(s);
                if (m == null) return nm == null ? k.transformValues(Lib.transformer(s.get("transformer")), st) : k.transformValues(Lib.transformer(s.get("transformer")), nm, st);
                return nm == null ? k.transformValues(Lib.transformer(s.get("transformer")), m, st) : k.transformValues(Lib.transformer(s.get("transformer")), m, nm, st);
            }
            case "map": return nm == null ? in(s).map(pair(s)) : in(s).map(pair(s), nm);
            case "select_key": return nm == null ? in(s).selectKey(kvm(s.get("fn"))) : in(s).selectKey(kvm(s.get("fn")), nm);
            case "flat_map": {
                Lib.FL f = Lib.flat(s.get("fn"));
                KeyValueMapper km = (k, v) -> f.f(k, v);
                return nm == null ? in(s).flatMap(km) : in(s).flatMap(km, nm);
            }
            case "flat_map_values": {
                Lib.FL f = Lib.flat(s.get("fn"));
                ValueMapperWithKey vm = (k, v) -> f.f(k, v);
                return nm == null ? in(s).flatMapValues(vm) : in(s).flatMapValues(vm, nm);
            }
            case "merge": {
                KStream r = in(s), o = (KStream) ref(s, "other");
                return nm == null ? r.merge(o) : r.merge(o, nm);
            }
            case "split": return split(s, nm);
            case "peek": { KStream r = in(s); return nm == null ? r.peek((k, v) -> { }) : r.peek((k, v) -> { }, nm); }
            case "group_by_key": { Grouped g = grouped(s); return g == null ? in(s).groupByKey() : in(s).groupByKey(g); }
            case "group_by": {
                Grouped g = grouped(s);
                Object t = ref(s, "in");
                if (t instanceof KStream) return g == null ? ((KStream) t).groupBy(kvm(s.get("fn"))) : ((KStream) t).groupBy(kvm(s.get("fn")), g);
                return g == null ? ((KTable) t).groupBy(pair(s)) : ((KTable) t).groupBy(pair(s), g);
            }
            case "cogroup": {
                CogroupedKStream c = null;
                for (Map i : (List<Map>) s.get("inputs")) {
                    KGroupedStream g = (KGroupedStream) ref(i, "in");
                    c = c == null ? g.cogroup(aggregator(i.get("agg"))) : c.cogroup(g, aggregator(i.get("agg")));
                }
                return c;
            }
            case "windowed_by": return windowedBy(s);
            case "emit_strategy": {
                EmitStrategy e = s.get("strategy").equals("on_window_close") ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
                Object t = ref(s, "in");
                return t instanceof TimeWindowedKStream ? ((TimeWindowedKStream) t).emitStrategy(e) : ((SessionWindowedKStream) t).emitStrategy(e);
            }
            case "count": case "reduce": case "aggregate": return aggregate(s, nm);
            case "to_stream": {
                KTable t = (KTable) ref(s, "in");
                if (s.containsKey("fn")) return nm == null ? t.toStream(kvm(s.get("fn"))) : t.toStream(kvm(s.get("fn")), nm);
                return nm == null ? t.toStream() : t.toStream(nm);
            }
            case "to_table": {
                Materialized m = materialized(s, "kv");
                if (m == null) return nm == null ? in(s).toTable() : in(s).toTable(nm);
                return nm == null ? in(s).toTable(m) : in(s).toTable(nm, m);
            }
            case "to":
                if (s.containsKey("topic_fn")) in(s).to(Lib.topicName(s.get("topic_fn")), produced(s)); else in(s).to((String) s.get("topic"), produced(s));
                return s;
            case "repartition": {
                Map o = get(s, "repartitioned");
                if (o == null) return in(s).repartition();
                Repartitioned r = Repartitioned.with(Lib.serde(o.get("key")), Lib.serde(o.get("value")));
                if (o.containsKey("name")) r = r.withName(get(o, "name"));
                if (o.containsKey("partitions")) r = r.withNumberOfPartitions(((Long) o.get("partitions")).intValue());
                return in(s).repartition(r);
            }
            case "join": case "left_join": case "outer_join": return join(s, nm);
            case "suppress": return ((KTable) ref(s, "in")).suppress(suppressed(s));
            case "process": {
                String[] st = storeNames(s);
                return nm == null ? in(s).process(Lib.processor(s.get("processor")), st) : in(s).process(Lib.processor(s.get("processor")), nm, st);
            }
            case "process_values": {
                String[] st = storeNames(s);
                return nm == null ? in(s).processValues(Lib.fixed(s.get("processor")), st) : in(s).processValues(Lib.fixed(s.get("processor")), nm, st);
            }
            // the low-level API
            case "topology_source":
                if (s.containsKey("timestamp")) return low.addSource((AutoOffsetReset) null, (String) s.get("name"), Lib.extractor(s.get("timestamp")), de(s, "key"), de(s, "value"), ((List<String>) s.get("topics")).toArray(new String[0]));
                return low.addSource((String) s.get("name"), de(s, "key"), de(s, "value"), ((List<String>) s.get("topics")).toArray(new String[0]));
            case "topology_processor":
                return low.addProcessor((String) s.get("name"), Lib.processor(s.get("processor")), ((List<String>) s.get("parents")).toArray(new String[0]));
            case "topology_sink":
                return low.addSink((String) s.get("name"), (String) s.get("topic"), ser(s, "key"), ser(s, "value"), ((List<String>) s.get("parents")).toArray(new String[0]));
            case "topology_state_store":
                return low.addStateStore(storeBuilder(get(s, "store")), ((List<String>) s.get("processors")).toArray(new String[0]));
            case "topology_connect":
                return low.connectProcessorAndStateStores((String) s.get("processor"), storeNames(s));
            case "topology_global_store":
                return low.addGlobalStore(storeBuilder(get(s, "store")), (String) s.get("source"), de(s, "key"), de(s, "value"), (String) s.get("topic"), (String) s.get("name"), Lib.processor(s.get("processor")));
            default: throw Lib.unknown("op", s.get("op"));
        }
    }
    static Deserializer de(Map s, String f) { Serde x = Lib.serde(s.get(f)); return x == null ? null : x.deserializer(); }
    static Serializer ser(Map s, String f) { Serde x = Lib.serde(s.get(f)); return x == null ? null : x.serializer(); }
    static String[] storeNames(Map s) { return s.containsKey("stores") ? ((List<String>) s.get("stores")).toArray(new String[0]) : new String[0]; }

    Object split(Map s, Named nm) {
        BranchedKStream br = nm == null ? in(s).split() : in(s).split(nm);
        List<Map> list = get(s, "branches");
        for (Map x : list) br = x.containsKey("name") ? br.branch(pred(x.get("fn")), Branched.as(get(x, "name"))) : br.branch(pred(x.get("fn")));
        Map d = get(s, "default");
        Map<String, KStream> out = d == null ? br.noDefaultBranch() : d.containsKey("name") ? br.defaultBranch(Branched.as(get(d, "name"))) : br.defaultBranch();
        branches.put(get(s, "id"), new ArrayList<>(new TreeSet<>(out.keySet())));
        String prefix = s.containsKey("name") ? (String) s.get("name") : null;
        if (prefix == null) prefix = out.keySet().iterator().next().replaceAll("^(KSTREAM-BRANCH-\\d{10}).*$", "$1");
        for (int i = 0; i < list.size(); i++) {
            Map x = list.get(i);
            things.put(get(x, "id"), out.get(prefix + (x.containsKey("name") ? x.get("name") : Integer.toString(i + 1))));
        }
        if (d != null) things.put(get(d, "id"), out.get(prefix + (d.containsKey("name") ? d.get("name") : "0")));
        return s;
    }

    Object windowedBy(Map s) {
        Map w = get(s, "window");
        Object t = ref(s, "in");
        Windows ws = null; SlidingWindows sl = null; SessionWindows se = null;
        switch ((String) w.get("kind")) {
            case "tumbling": case "hopping": {
                TimeWindows x = w.containsKey("grace") ? TimeWindows.ofSizeAndGrace(ms(w.get("size")), ms(w.get("grace"))) : TimeWindows.ofSizeWithNoGrace(ms(w.get("size")));
                if (w.containsKey("advance")) x = x.advanceBy(ms(w.get("advance")));
                ws = x; break;
            }
            case "unlimited": { UnlimitedWindows u = UnlimitedWindows.of(); ws = w.containsKey("start") ? u.startOn(Instant.ofEpochMilli((Long) w.get("start"))) : u; break; }
            case "sliding": sl = w.containsKey("grace") ? SlidingWindows.ofTimeDifferenceAndGrace(ms(w.get("diff")), ms(w.get("grace"))) : SlidingWindows.ofTimeDifferenceWithNoGrace(ms(w.get("diff"))); break;
            case "session": se = w.containsKey("grace") ? SessionWindows.ofInactivityGapAndGrace(ms(w.get("gap")), ms(w.get("grace"))) : SessionWindows.ofInactivityGapWithNoGrace(ms(w.get("gap"))); break;
            default: throw Lib.unknown("window", w);
        }
        if (t instanceof KGroupedStream) { KGroupedStream g = (KGroupedStream) t; return ws != null ? g.windowedBy(ws) : sl != null ? g.windowedBy(sl) : g.windowedBy(se); }
        CogroupedKStream g = (CogroupedKStream) t;
        return ws != null ? g.windowedBy(ws) : sl != null ? g.windowedBy(sl) : g.windowedBy(se);
    }

    Object aggregate(Map s, Named nm) {
        Object t = ref(s, "in");
        String op = get(s, "op");
        if (t instanceof KGroupedStream) {
            KGroupedStream g = (KGroupedStream) t; Materialized m = materialized(s, "kv");
            if (op.equals("count")) return m == null ? (nm == null ? g.count() : g.count(nm)) : (nm == null ? g.count(m) : g.count(nm, m));
            if (op.equals("reduce")) return m == null ? g.reduce(reducer(s.get("fn"))) : nm == null ? g.reduce(reducer(s.get("fn")), m) : g.reduce(reducer(s.get("fn")), nm, m);
            return m == null ? g.aggregate(init(s), aggregator(s.get("fn"))) : nm == null ? g.aggregate(init(s), aggregator(s.get("fn")), m) : g.aggregate(init(s), aggregator(s.get("fn")), nm, m);
        }
        if (t instanceof KGroupedTable) {
            KGroupedTable g = (KGroupedTable) t; Materialized m = materialized(s, "kv");
            if (op.equals("count")) return m == null ? (nm == null ? g.count() : g.count(nm)) : (nm == null ? g.count(m) : g.count(nm, m));
            if (op.equals("reduce")) return m == null ? g.reduce(reducer(s.get("adder")), reducer(s.get("subtractor"))) : nm == null ? g.reduce(reducer(s.get("adder")), reducer(s.get("subtractor")), m) : g.reduce(reducer(s.get("adder")), reducer(s.get("subtractor")), nm, m);
            return m == null ? g.aggregate(init(s), aggregator(s.get("adder")), aggregator(s.get("subtractor")))
                : nm == null ? g.aggregate(init(s), aggregator(s.get("adder")), aggregator(s.get("subtractor")), m) : g.aggregate(init(s), aggregator(s.get("adder")), aggregator(s.get("subtractor")), nm, m);
        }
        if (t instanceof TimeWindowedKStream) {
            TimeWindowedKStream g = (TimeWindowedKStream) t; Materialized m = materialized(s, "window");
            if (op.equals("count")) return m == null ? (nm == null ? g.count() : g.count(nm)) : (nm == null ? g.count(m) : g.count(nm, m));
            if (op.equals("reduce")) return m == null ? (nm == null ? g.reduce(reducer(s.get("fn"))) : g.reduce(reducer(s.get("fn")), nm)) : nm == null ? g.reduce(reducer(s.get("fn")), m) : g.reduce(reducer(s.get("fn")), nm, m);
            return m == null ? (nm == null ? g.aggregate(init(s), aggregator(s.get("fn"))) : g.aggregate(init(s), aggregator(s.get("fn")), nm)) : nm == null ? g.aggregate(init(s), aggregator(s.get("fn")), m) : g.aggregate(init(s), aggregator(s.get("fn")), nm, m);
        }
        if (t instanceof SessionWindowedKStream) {
            SessionWindowedKStream g = (SessionWindowedKStream) t; Materialized m = materialized(s, "session");
            if (op.equals("count")) return m == null ? (nm == null ? g.count() : g.count(nm)) : (nm == null ? g.count(m) : g.count(nm, m));
            if (op.equals("reduce")) return m == null ? (nm == null ? g.reduce(reducer(s.get("fn"))) : g.reduce(reducer(s.get("fn")), nm)) : nm == null ? g.reduce(reducer(s.get("fn")), m) : g.reduce(reducer(s.get("fn")), nm, m);
            return m == null ? (nm == null ? g.aggregate(init(s), aggregator(s.get("fn")), merger(s.get("merger"))) : g.aggregate(init(s), aggregator(s.get("fn")), merger(s.get("merger")), nm))
                : nm == null ? g.aggregate(init(s), aggregator(s.get("fn")), merger(s.get("merger")), m) : g.aggregate(init(s), aggregator(s.get("fn")), merger(s.get("merger")), nm, m);
        }
        if (t instanceof CogroupedKStream) {
            CogroupedKStream g = (CogroupedKStream) t; Materialized m = materialized(s, "kv");
            return m == null ? (nm == null ? g.aggregate(init(s)) : g.aggregate(init(s), nm)) : nm == null ? g.aggregate(init(s), m) : g.aggregate(init(s), nm, m);
        }
        if (t instanceof TimeWindowedCogroupedKStream) {
            TimeWindowedCogroupedKStream g = (TimeWindowedCogroupedKStream) t; Materialized m = materialized(s, "window");
            return m == null ? (nm == null ? g.aggregate(init(s)) : g.aggregate(init(s), nm)) : nm == null ? g.aggregate(init(s), m) : g.aggregate(init(s), nm, m);
        }
        SessionWindowedCogroupedKStream g = (SessionWindowedCogroupedKStream) t; Materialized m = materialized(s, "session");
        return m == null ? (nm == null ? g.aggregate(init(s), merger(s.get("merger"))) : g.aggregate(init(s), merger(s.get("merger")), nm))
            : nm == null ? g.aggregate(init(s), merger(s.get("merger")), m) : g.aggregate(init(s), merger(s.get("merger")), nm, m);
    }

    Object join(Map s, Named nm) {
        String op = get(s, "op");
        Object l = ref(s, "in"), r = ref(s, "other");
        Object f = s.get("joiner");
        if (l instanceof KStream && r instanceof KStream) {
            KStream a = (KStream) l, o = (KStream) r;
            JoinWindows w = joinWindows(get(s, "windows"));
            StreamJoined j = streamJoined(s);
            if (op.equals("join")) return j == null ? a.join(o, joinerK(f), w) : a.join(o, joinerK(f), w, j);
            if (op.equals("left_join")) return j == null ? a.leftJoin(o, joinerK(f), w) : a.leftJoin(o, joinerK(f), w, j);
            return j == null ? a.outerJoin(o, joinerK(f), w) : a.outerJoin(o, joinerK(f), w, j);
        }
        if (l instanceof KStream && r instanceof KTable) {
            KStream a = (KStream) l; KTable o = (KTable) r; Joined j = joined(s);
            if (op.equals("join")) return j == null ? a.join(o, joinerK(f)) : a.join(o, joinerK(f), j);
            return j == null ? a.leftJoin(o, joinerK(f)) : a.leftJoin(o, joinerK(f), j);
        }
        if (l instanceof KStream) {
            KStream a = (KStream) l; GlobalKTable o = (GlobalKTable) r;
            KeyValueMapper sel = kvm(s.get("key_selector"));
            if (op.equals("join")) return nm == null ? a.join(o, sel, joinerK(f)) : a.join(o, sel, joinerK(f), nm);
            return nm == null ? a.leftJoin(o, sel, joinerK(f)) : a.leftJoin(o, sel, joinerK(f), nm);
        }
        KTable a = (KTable) l, o = (KTable) r;
        Materialized m = materialized(s, "kv");
        if (s.containsKey("foreign_key")) {
            Lib.F2 fk = Lib.mapper(s.get("foreign_key"));
            java.util.function.BiFunction ex = (k, v) -> fk.f(k, v);
            TableJoined tj = s.containsKey("table_joined") ? TableJoined.as((String) ((Map) s.get("table_joined")).get("name")) : null;
            boolean left = op.equals("left_join");
            if (tj == null && m == null) return left ? a.leftJoin(o, ex, joiner(f)) : a.join(o, ex, joiner(f));
            if (tj == null) return left ? a.leftJoin(o, ex, joiner(f), m) : a.join(o, ex, joiner(f), m);
            if (m == null) return left ? a.leftJoin(o, ex, joiner(f), tj) : a.join(o, ex, joiner(f), tj);
            return left ? a.leftJoin(o, ex, joiner(f), tj, m) : a.join(o, ex, joiner(f), tj, m);
        }
        switch (op) {
            case "join": return m == null ? (nm == null ? a.join(o, joiner(f)) : a.join(o, joiner(f), nm)) : (nm == null ? a.join(o, joiner(f), m) : a.join(o, joiner(f), nm, m));
            case "left_join": return m == null ? (nm == null ? a.leftJoin(o, joiner(f)) : a.leftJoin(o, joiner(f), nm)) : (nm == null ? a.leftJoin(o, joiner(f), m) : a.leftJoin(o, joiner(f), nm, m));
            default: return m == null ? (nm == null ? a.outerJoin(o, joiner(f)) : a.outerJoin(o, joiner(f), nm)) : (nm == null ? a.outerJoin(o, joiner(f), m) : a.outerJoin(o, joiner(f), nm, m));
        }
    }

    // ---- running ----------------------------------------------------------------------------------
    static byte[] hex(String h) { return h == null ? null : HexFormat.of().parseHex(h); }
    static String hex(byte[] x) { return x == null ? null : HexFormat.of().formatHex(x); }

    Object key(Object k) {
        if (!(k instanceof Windowed)) return k;
        Windowed w = (Windowed) k;
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("k", key(w.key())); m.put("start", w.window().start()); m.put("end", w.window().end());
        return m;
    }

    /** The case's topology; its settings are added to the properties. */
    Topology topology(Properties p) {
        p.putAll((Map) cs.getOrDefault("config", Map.of()));
        for (Map.Entry<String, String> h : Map.of("processing.exception.handler", Handled.class.getName(),
            "deserialization.exception.handler", "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler").entrySet())
            if ("log_and_continue".equals(p.get(h.getKey()))) p.put(h.getKey(), h.getValue());
        p.replaceAll((k, v) -> v instanceof Long ? v.toString() : v);
        for (String n : List.of("default.key.serde", "default.value.serde"))
            if (p.containsKey(n)) p.put(n, p.get(n).equals("long") ? Serdes.LongSerde.class : p.get(n).equals("json") ? Lib.JsonSerde.class : Serdes.StringSerde.class);
        if ("true".equals(p.get("ensure.explicit.internal.resource.naming"))) b = new StreamsBuilder(new TopologyConfig(new StreamsConfig(p)));
        List<Map> steps = get(spec, "steps");
        for (Map s : steps) {
            step = get(s, "id");
            Object t = run(s);
            if (t == null) throw new IllegalStateException("nothing from " + s);
            things.put(step, t);
        }
        step = null;
        if ("topology".equals(spec.get("api"))) return low;
        phase = "build";
        return b.build(p);
    }

    Map<String, Object> expect(Path state) {
        Map<String, Object> out = new LinkedHashMap<>();
        List<Object> outputs = new ArrayList<>();
        TopologyTestDriver driver = null;
        Handled.running = this;
        try {
            Properties p = new Properties();
            p.put("application.id", APP);
            p.put("bootstrap.servers", "none:9092");
            p.put("state.dir", state.toString());
            Topology topology = topology(p);
            if (!branches.isEmpty()) out.put("branches", branches);
            out.put("describe", topology.describe().toString());
            phase = "start";
            driver = new TopologyTestDriver(topology, p, Instant.ofEpochMilli(0));
            phase = "run";
            events(driver, outputs);
            out.put("outputs", outputs);
            phase = "dump";
            out.put("stores", dump(driver));
            Map<String, Object> topics = new TreeMap<>(), raw = new TreeMap<>();
            for (String t : new TreeSet<>(driver.producedTopicNames())) {
                List<TestRecord<byte[], byte[]>> rs = driver.createOutputTopic(t, new ByteArrayDeserializer(), new ByteArrayDeserializer()).readRecordsToList();
                topics.put(t, (long) rs.size() + counts.getOrDefault(t, 0L));
                if (internal(t)) {
                    List<Object> l = new ArrayList<>();
                    for (TestRecord<byte[], byte[]> r : rs) l.add(Arrays.asList(hex(r.key()), hex(r.value()), r.timestamp()));
                    raw.put(t, l);
                }
            }
            out.put("topics", topics);
            if (Boolean.TRUE.equals(cs.get("raw"))) out.put("raw", raw);
            double dropped = 0;
            for (Map.Entry<MetricName, ? extends Metric> e : driver.metrics().entrySet())
                if (e.getKey().name().equals("dropped-records-total")) dropped += ((Number) e.getValue().metricValue()).doubleValue();
            out.put("dropped_records_total", (long) dropped);
        } catch (Throwable e) {
            if (phase.equals("run")) out.put("outputs", outputs);
            Map<String, Object> err = new LinkedHashMap<>();
            err.put("phase", phase);
            if (step != null) err.put("step", step);
            if (event >= 0) err.put("event", (long) event);
            List<Object> chain = new ArrayList<>();
            for (Throwable x = e; x != null && chain.size() < 5; x = x.getCause()) {
                String msg = x.getMessage();
                if (msg != null) { int i = msg.indexOf(", stacktrace="); if (i >= 0) msg = msg.substring(0, i); }
                Map<String, Object> c = new LinkedHashMap<>();
                if (msg != null) msg = msg.replaceAll("A serializer \\([\\s\\S]*", "A serializer (SUPPLIER");
                if (msg != null) msg = msg.replaceAll("^class \\S+ cannot be cast to class [\\s\\S]*", "SUPPLIER");
                if (msg != null) msg = msg.replaceAll("((ClassCastException while producing data to topic \\S+ The (key|value) serializer )|can accept the deserialized input of type key: )[\\s\\S]*", "$1SUPPLIER");
                if (msg != null) msg = msg.replaceAll("OptimizableRepartitionNode\\{[\\s\\S]*", "SUPPLIER");
                if (msg != null) msg = msg.replaceAll("Lib\\$\\$Lambda[^ #]*", "SUPPLIER");
                c.put("class", x.getClass().getSimpleName()); c.put("message", msg);
                chain.add(c);
            }
            err.put("chain", chain);
            out.put("error", err);
            if (Boolean.getBoolean("trace")) e.printStackTrace(System.out);
        } finally {
            if (!handled.isEmpty()) out.put("handled", new ArrayList<>(handled));
            if (driver != null) try { driver.close(); } catch (Throwable e) { /* a failed driver may not close cleanly */ }
        }
        return out;
    }

    /** Goes on after an error, and notes which it was. */
    public static final class Handled extends org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler {
        static Oracle running;
        public Response handleError(org.apache.kafka.streams.errors.ErrorHandlerContext c, org.apache.kafka.streams.processor.api.Record<?, ?> r, Exception e) {
            running.handled.add(Arrays.asList((long) running.event, e.getClass().getSimpleName(), e.getMessage()));
            return super.handleError(c, r, e);
        }
    }
    final List<Object> handled = new ArrayList<>();

    static boolean internal(String t) {
        return t.startsWith(APP + "-") && (t.endsWith("-changelog") || t.endsWith("-repartition") || t.endsWith("-topic"));
    }
    final Map<String, Long> counts = new HashMap<>();

    void events(TopologyTestDriver driver, List<Object> outputs) {
        Map<String, Map> inputs = get(spec, "inputs"), outs = get(spec, "outputs");
        Map<String, TestInputTopic> ins = new HashMap<>();
        Map<String, TestOutputTopic> readers = new HashMap<>();
        List<Map> events = get(cs, "events");
        for (Map ev : events) {
            event++;
            if (ev.containsKey("advance_wall_ms")) driver.advanceWallClockTime(ms(ev.get("advance_wall_ms")));
            else {
                String t = get(ev, "in");
                Map io = inputs.get(t);
                byte[] k = ev.containsKey("kx") ? hex((String) ev.get("kx")) : Lib.serde(io.get("key")).serializer().serialize(t, ev.get("k"));
                byte[] v = ev.containsKey("vx") ? hex((String) ev.get("vx")) : Lib.serde(io.get("value")).serializer().serialize(t, ev.get("v"));
                RecordHeaders hs = new RecordHeaders();
                if (ev.containsKey("h")) for (List<String> h : (List<List<String>>) ev.get("h")) hs.add(new RecordHeader(h.get(0), h.get(1) == null ? null : h.get(1).getBytes(StandardCharsets.UTF_8)));
                ins.computeIfAbsent(t, x -> driver.createInputTopic(x, new ByteArraySerializer(), new ByteArraySerializer()))
                    .pipeInput(new TestRecord<>(k, v, hs, (Long) ev.get("ts")));
            }
            List<Object> rows = new ArrayList<>();
            for (String t : new TreeSet<>(driver.producedTopicNames())) {
                if (internal(t)) continue;
                Map io = outs.get(t);
                if (io == null) throw new IllegalStateException("output topic not declared: " + t);
                TestOutputTopic<Object, Object> o = readers.computeIfAbsent(t, x -> driver.createOutputTopic(x, Lib.serde(io.get("key")).deserializer(), Lib.serde(io.get("value")).deserializer()));
                while (!o.isEmpty()) {
                    TestRecord<Object, Object> r = o.readRecord();
                    counts.merge(t, 1L, Long::sum);
                    List<Object> row = new ArrayList<>(Arrays.asList(t, key(r.key()), r.value(), r.timestamp()));
                    if (r.headers().iterator().hasNext()) {
                        List<Object> hs = new ArrayList<>();
                        for (Header h : r.headers()) hs.add(Arrays.asList(h.key(), h.value() == null ? null : new String(h.value(), StandardCharsets.UTF_8)));
                        row.add(hs);
                    }
                    rows.add(row);
                }
            }
            outputs.add(rows);
        }
    }

    /** Empties the record cache (all of it is clean after the last event), so that what is read is what the stores themselves hold. */
    static void dropCache(TopologyTestDriver driver) throws Exception {
        var f = TopologyTestDriver.class.getDeclaredField("task");
        f.setAccessible(true);
        var task = (org.apache.kafka.streams.processor.internals.StreamTask) f.get(driver);
        if (task != null) ((org.apache.kafka.streams.processor.internals.InternalProcessorContext) task.processorContext()).cache().resize(0L);
    }

    Map<String, Object> dump(TopologyTestDriver driver) throws Exception {
        dropCache(driver);
        Map<String, Object> out = new TreeMap<>();
        Map<String, StateStore> all = driver.getAllStateStores();
        for (String n : stores) {
            StateStore s = all.get(n);
            if (s == null || windowsOfNoLength.contains(n)) continue;
            String kind;
            List<List<Object>> rows = new ArrayList<>();
            Map<String, Object> extra = new LinkedHashMap<>();
            if (s instanceof VersionedKeyValueStore) {
                kind = "versioned";
                TreeSet<Object> strings = new TreeSet<>(), longs = new TreeSet<>();
                long lo = Long.MAX_VALUE, hi = 0;
                for (Map ev : (List<Map>) cs.get("events")) {
                    if (ev.get("k") instanceof String) strings.add(ev.get("k"));
                    if (ev.get("k") instanceof Long) longs.add(ev.get("k"));
                    if (ev.containsKey("ts")) { lo = Math.min(lo, (Long) ev.get("ts")); hi = Math.max(hi, (Long) ev.get("ts")); }
                }
                List<Object> keys = new ArrayList<>(strings);
                keys.addAll(longs);
                List<List<Object>> asOf = new ArrayList<>();
                for (Object k : keys) {
                    VersionedRecord<Object> r;
                    try { r = ((VersionedKeyValueStore<Object, Object>) s).get(k); }
                    catch (org.apache.kafka.streams.errors.StreamsException | ClassCastException e) { continue; } // a key of another topic, of another type
                    if (r != null) rows.add(Arrays.asList(k, r.value(), r.timestamp()));
                    for (int i = 0; i < 8; i++) {
                        long t = i == 7 ? hi : hi - (hi - lo) / (1L << i);
                        VersionedRecord<Object> x = ((VersionedKeyValueStore<Object, Object>) s).get(k, t);
                        asOf.add(x == null ? Arrays.asList(k, t, null) : Arrays.asList(k, t, Arrays.asList(x.value(), x.timestamp(), x.validTo().orElse(null))));
                    }
                }
                extra.put("as_of", asOf);
            } else if (s instanceof SessionStore) {
                kind = "session";
                try (KeyValueIterator<Windowed<Object>, Object> it = ((SessionStore<Object, Object>) s).fetch((Object) null, (Object) null)) {
                    while (it.hasNext()) { KeyValue<Windowed<Object>, Object> e = it.next(); rows.add(Arrays.asList(key(e.key), (Object) e.value instanceof AggregationWithHeaders ? ((AggregationWithHeaders) (Object) e.value).aggregation() : e.value)); }
                }
            } else if (s instanceof WindowStore) {
                kind = s instanceof TimestampedWindowStore || s instanceof TimestampedWindowStoreWithHeaders ? "timestamped_window" : "window";
                try (KeyValueIterator<Windowed<Object>, Object> it = ((WindowStore<Object, Object>) s).all()) {
                    while (it.hasNext()) { KeyValue<Windowed<Object>, Object> e = it.next(); rows.add(row(e.key.key(), e.key.window().start(), e.value)); }
                }
            } else if (s instanceof KeyValueStore) {
                kind = s instanceof TimestampedKeyValueStore || s instanceof TimestampedKeyValueStoreWithHeaders ? "timestamped_kv" : "kv";
                try (KeyValueIterator<Object, Object> it = ((KeyValueStore<Object, Object>) s).all()) {
                    while (it.hasNext()) { KeyValue<Object, Object> e = it.next(); rows.add(row(e.key, null, e.value)); }
                }
            } else throw new IllegalStateException("store of unknown kind " + n + " " + s.getClass());
            if (n.endsWith("-join-store")) { kind = "window"; for (int i = 0; i < rows.size(); i++) rows.set(i, rows.get(i).subList(0, 3)); }
            rows.sort(Comparator.comparing(Lib::json));
            Map<String, Object> d = new LinkedHashMap<>();
            d.put("kind", kind); d.put("rows", rows); d.putAll(extra);
            out.put(n, d);
        }
        return out;
    }
    List<Object> row(Object k, Long start, Object v) {
        List<Object> r = new ArrayList<>();
        r.add(key(k));
        if (start != null) r.add(start);
        if (v instanceof ValueTimestampHeaders) { r.add(((ValueTimestampHeaders) v).value()); r.add(((ValueTimestampHeaders) v).timestamp()); }
        else if (v instanceof ValueAndTimestamp) { r.add(((ValueAndTimestamp) v).value()); r.add(((ValueAndTimestamp) v).timestamp()); } else r.add(v);
        return r;
    }

    static void delete(Path p) throws IOException {
        if (!Files.exists(p)) return;
        try (var w = Files.walk(p)) { w.sorted(Comparator.reverseOrder()).forEach(x -> x.toFile().delete()); }
    }

    static int answers = 0;
    static Map<String, Object> answered(String name, Map<String, Object> c, Path state) throws IOException {
        Path dir = state.resolve(name + "-" + answers++); // a driver that failed may still hold the last one's lock
        Map<String, Object> e = new Oracle(c).expect(dir);
        delete(dir);
        c.put("kind", e.containsKey("error") ? "error" : "run");
        c.put("expect", e);
        return c;
    }
    static Map<String, Object> read(String text) throws IOException {
        return Lib.M.readValue(text, new TypeReference<LinkedHashMap<String, Object>>() { });
    }

    /** Answers each case that comes in as one line of JSON with one line, in order, until the input ends. */
    static void serve(Path state) throws IOException {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        System.setOut(System.err); // what a library prints is no answer
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            Map<String, Object> c = read(line);
            out.print(Lib.json(answered((String) c.get("name"), c, state)));
            out.print('\n');
            out.flush();
        }
    }

    static void directory(Path src, Path dst, String only, Path state) throws IOException {
        Files.createDirectories(dst);
        List<Path> files = new ArrayList<>();
        try (var l = Files.list(src)) { l.filter(x -> x.toString().endsWith(".json")).sorted().forEach(files::add); }
        for (Path f : files) {
            if (!f.getFileName().toString().contains(only)) continue;
            long t0 = System.nanoTime();
            Map<String, Object> c = answered(f.getFileName().toString(), read(Files.readString(f)), state);
            Map<String, Object> e = (Map) c.get("expect");
            Lib.M.writeValue(dst.resolve(f.getFileName()).toFile(), c);
            String sum = e.containsKey("error") ? "ERROR " + Lib.json(e.get("error")) : "";
            long rows = 0;
            if (e.containsKey("outputs")) for (Object o : (List) e.get("outputs")) rows += ((List) o).size();
            System.out.printf("%s %dms rows=%d dropped=%s %s%n", f.getFileName(), (System.nanoTime() - t0) / 1000000, rows, e.get("dropped_records_total"), sum);
        }
    }

    /** `Oracle -` answers line by line; `Oracle IN_DIR OUT_DIR [PART_OF_NAME]` answers files. */
    public static void main(String[] args) throws Exception {
        Path state = Files.createTempDirectory(Files.exists(Paths.get("/dev/shm")) ? Paths.get("/dev/shm") : Paths.get("/tmp"), "oracle");
        if (args[0].equals("-")) serve(state);
        else directory(Paths.get(args[0]), Paths.get(args[1]), args.length > 2 ? args[2] : "", state);
        delete(state);
        System.exit(0);
    }
}
