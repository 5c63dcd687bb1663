import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.state.*;

import java.io.*;
import java.time.Duration;
import java.util.*;

/** Calls on the stores of a processor, a line each: "open KIND PLACE CACHE RETENTION DUPLICATES", or "TIME CALL;CALL".
    Answers a line: what each call gave, as tests/conformance/store_calls.py writes it. */
public class StoreCalls {
    static final Serde<String> TEXT = Serdes.String();

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        Line line = null;
        for (String said = in.readLine(); said != null; said = in.readLine()) {
            if (said.startsWith("open ")) {
                if (line != null) line.driver.close();
                line = new Line(said.split(" "));
                System.out.println("open");
            } else {
                int space = said.indexOf(' ');
                line.in.pipeInput("k", said.substring(space + 1), Long.parseLong(said.substring(0, space)));
                System.out.println(line.out.readValue());
            }
            System.out.flush();
        }
        if (line != null) line.driver.close();
    }

    static class Line {
        final TopologyTestDriver driver;
        final TestInputTopic<String, String> in;
        final TestOutputTopic<String, String> out;

        Line(String[] said) {
            StreamsBuilder builder = new StreamsBuilder();
            builder.addStateStore(store(said[1], said[2], Integer.parseInt(said[3]) > 0,
                Duration.ofMillis(Long.parseLong(said[4])), said[5].equals("duplicates")));
            builder.stream("in", Consumed.with(TEXT, TEXT)).process(() -> new Caller(said[1]), "s").to("out", Produced.with(TEXT, TEXT));
            Properties config = new Properties();
            config.put("application.id", "app");
            config.put("bootstrap.servers", "none");
            config.put("statestore.cache.max.bytes", said[3]);
            driver = new TopologyTestDriver(builder.build(), config);
            in = driver.createInputTopic("in", new StringSerializer(), new StringSerializer());
            out = driver.createOutputTopic("out", new StringDeserializer(), new StringDeserializer());
        }
    }

    static StoreBuilder<?> store(String kind, String place, boolean cached, Duration retention, boolean duplicates) {
        boolean memory = place.equals("memory");
        Duration size = Duration.ofMillis(10);
        StoreBuilder<?> made = switch (kind) {
            case "versioned" -> Stores.versionedKeyValueStoreBuilder(Stores.persistentVersionedKeyValueStore("s", retention), TEXT, TEXT);
            case "window" -> Stores.windowStoreBuilder(memory
                ? Stores.inMemoryWindowStore("s", retention, size, duplicates)
                : Stores.persistentWindowStore("s", retention, size, duplicates), TEXT, TEXT);
            case "session" -> Stores.sessionStoreBuilder(memory
                ? Stores.inMemorySessionStore("s", retention) : Stores.persistentSessionStore("s", retention), TEXT, TEXT);
            default -> Stores.keyValueStoreBuilder(place.equals("lru") ? Stores.lruMap("s", 3)
                : memory ? Stores.inMemoryKeyValueStore("s") : Stores.persistentKeyValueStore("s"), TEXT, TEXT);
        };
        if (kind.equals("versioned")) return made;
        return cached ? made.withCachingEnabled() : made.withCachingDisabled();
    }

    static class Caller implements Processor<String, String, String, String> {
        final String kind;
        ProcessorContext<String, String> context;
        Object store;

        Caller(String kind) { this.kind = kind; }

        public void init(ProcessorContext<String, String> context) {
            this.context = context;
            store = context.getStateStore("s");
        }

        public void process(org.apache.kafka.streams.processor.api.Record<String, String> record) {
            StringBuilder answers = new StringBuilder();
            for (String call : record.value().split(";")) answers.append(answer(call.split(" "))).append(";");
            context.forward(record.withValue(answers.toString()));
        }

        @SuppressWarnings("unchecked")
        String answer(String[] call) {
            try {
                return switch (kind) {
                    case "window" -> window((WindowStore<String, String>) store, call);
                    case "session" -> session((SessionStore<String, String>) store, call);
                    case "versioned" -> versioned((VersionedKeyValueStore<String, String>) store, call);
                    default -> keyValue((KeyValueStore<String, String>) store, call);
                };
            } catch (RuntimeException error) {
                return "!" + error.getClass().getSimpleName();
            }
        }
    }

    static String orNull(String said) { return said.equals("null") ? null : said; }

    static long number(String said) { return Long.parseLong(said); }

    static String keyValue(KeyValueStore<String, String> s, String[] c) {
        switch (c[0]) {
            case "put": s.put(c[1], orNull(c[2])); return "";
            case "put_if_absent": return "" + s.putIfAbsent(c[1], orNull(c[2]));
            case "delete": return "" + s.delete(c[1]);
            case "get": return "" + s.get(c[1]);
            case "range": return rows(s.range(orNull(c[1]), orNull(c[2])));
            case "reverse_range": return rows(s.reverseRange(orNull(c[1]), orNull(c[2])));
            case "all": return rows(s.all());
            default: return rows(s.prefixScan(c[1], new StringSerializer()));
        }
    }

    static String window(WindowStore<String, String> s, String[] c) {
        switch (c[0]) {
            case "put": s.put(c[1], orNull(c[2]), number(c[3])); return "";
            case "get": return "" + s.fetch(c[1], number(c[2]));
            case "fetch": return rows(s.fetch(c[1], number(c[2]), number(c[3])));
            case "backward_fetch": return rows(s.backwardFetch(c[1], number(c[2]), number(c[3])));
            case "fetch_keys": return windowed(s.fetch(orNull(c[1]), orNull(c[2]), number(c[3]), number(c[4])));
            case "backward_fetch_keys": return windowed(s.backwardFetch(orNull(c[1]), orNull(c[2]), number(c[3]), number(c[4])));
            case "fetch_all": return windowed(s.fetchAll(number(c[1]), number(c[2])));
            case "backward_fetch_all": return windowed(s.backwardFetchAll(number(c[1]), number(c[2])));
            case "all": return windowed(s.all());
            default: return windowed(s.backwardAll());
        }
    }

    static String session(SessionStore<String, String> s, String[] c) {
        switch (c[0]) {
            case "put": s.put(session(c[1], c[3], c[4]), orNull(c[2])); return "";
            case "remove": s.remove(session(c[1], c[2], c[3])); return "";
            case "get": return "" + s.fetchSession(c[1], number(c[2]), number(c[3]));
            case "fetch": return windowed(s.fetch(c[1]));
            case "backward_fetch": return windowed(s.backwardFetch(c[1]));
            case "fetch_keys": return windowed(s.fetch(orNull(c[1]), orNull(c[2])));
            case "backward_fetch_keys": return windowed(s.backwardFetch(orNull(c[1]), orNull(c[2])));
            case "find": return windowed(s.findSessions(c[1], number(c[2]), number(c[3])));
            case "backward_find": return windowed(s.backwardFindSessions(c[1], number(c[2]), number(c[3])));
            case "find_keys": return windowed(s.findSessions(orNull(c[1]), orNull(c[2]), number(c[3]), number(c[4])));
            default: return windowed(s.backwardFindSessions(orNull(c[1]), orNull(c[2]), number(c[3]), number(c[4])));
        }
    }

    static String versioned(VersionedKeyValueStore<String, String> s, String[] c) {
        switch (c[0]) {
            case "put": return "" + s.put(c[1], orNull(c[2]), number(c[3]));
            case "delete": return version(s.delete(c[1], number(c[2])));
            case "get": return version(s.get(c[1]));
            default: return version(s.get(c[1], number(c[2])));
        }
    }

    static Windowed<String> session(String key, String start, String end) {
        return new Windowed<>(key, new SessionWindow(number(start), number(end)));
    }

    static String version(VersionedRecord<String> found) {
        if (found == null) return "null";
        return found.value() + "@" + found.timestamp() + "-" + found.validTo().map(String::valueOf).orElse("");
    }

    static String rows(KeyValueIterator<?, String> found) {
        StringJoiner text = new StringJoiner(" ");
        try (found) {
            found.forEachRemaining(row -> text.add(row.key + "=" + row.value));
        }
        return text.toString();
    }

    static String windowed(KeyValueIterator<Windowed<String>, String> found) {
        StringJoiner text = new StringJoiner(" ");
        try (found) {
            found.forEachRemaining(row -> text.add(
                row.key.key() + "@" + row.key.window().start() + "-" + row.key.window().end() + "=" + row.value));
        }
        return text.toString();
    }
}
