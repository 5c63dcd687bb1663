import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The jobs of the benchmarks on Kafka Streams, by its public API and over its own broker.
 *
 * <pre>
 * Bench fill BROKERS TOPIC < records       makes a topic of one partition and writes the records
 * Bench run BROKERS JOB TOTAL BROKER_PID DATASET=TOPIC... out=TOPIC name=value...   runs a job; a line of JSON
 * Bench serve BROKERS JOB DATASET=TOPIC... out=TOPIC name=value...   runs a job until SIGTERM
 * Bench read BROKERS TOPIC > records       all records of a topic
 * Bench drop BROKERS PREFIX                deletes the topics whose names begin so
 * </pre>
 *
 * A record in a pipe: its timestamp (8 bytes), then key and value, each a length (4 bytes, -1 for none) and its bytes.
 */
public final class Bench {
    static final Serde<String> TEXT = Serdes.String();
    static final Serde<Long> LONG = Serdes.Long();
    static final Serde<byte[]> RAW = Serdes.ByteArray();
    static final Pattern WORDS = Pattern.compile("[^a-z0-9]+");
    static final long SAMPLE_MS = 20;
    static final Duration LONGEST = Duration.ofSeconds(60);

    // The values

    public static final class Order {
        public String id, customer, product;
        public int amount, qty;
        public String status, region;
        public long ts;
    }

    public static final class Customer {
        public String customer, name, segment, country;
        public int score;
        public String since;
    }

    public static final class Payment {
        public String order, method, bank;
        public int paid;
        public String ref;
        public long ts;
    }

    public record Total(String id, String customer, long total, String status, long ts, boolean priority) {}

    public record Enriched(
        String id, String customer, int amount, int qty, String name, String segment, String country, long ts) {}

    public record Settled(String id, String customer, int amount, int paid, String method, long ts) {}

    static <T> Serde<T> json(Class<T> type) {
        ObjectMapper mapper = new ObjectMapper();
        ObjectReader reader = mapper.readerFor(type);
        ObjectWriter writer = mapper.writerFor(type);
        return Serdes.serdeFrom(
            (topic, value) -> {
                try {
                    return value == null ? null : writer.writeValueAsBytes(value);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            },
            (topic, data) -> {
                try {
                    return data == null ? null : reader.readValue(data);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            });
    }

    static final Serde<Order> ORDER = json(Order.class);
    static final Serde<Customer> CUSTOMER = json(Customer.class);
    static final Serde<Payment> PAYMENT = json(Payment.class);
    static final Serde<Total> TOTAL = json(Total.class);
    static final Serde<Enriched> ENRICHED = json(Enriched.class);
    static final Serde<Settled> SETTLED = json(Settled.class);

    // The jobs, as benchmarks/jobs.py has them

    static final Map<String, BiConsumer<StreamsBuilder, Map<String, String>>> JOBS = Map.ofEntries(
        Map.entry("W0", Bench::identity),
        Map.entry("W1", Bench::stateless),
        Map.entry("W2", (builder, topics) -> count(builder, topics, "orders", true)),
        Map.entry("W2/cache0", (builder, topics) -> count(builder, topics, "orders", false)),
        Map.entry("W2/each-once", (builder, topics) -> count(builder, topics, "each-once", true)),
        Map.entry("W2/million", (builder, topics) -> count(builder, topics, "million", true)),
        Map.entry("W3", Bench::tumbling),
        Map.entry("W4", Bench::hopping),
        Map.entry("W5", Bench::streamTable),
        Map.entry("W6", Bench::streamStream),
        Map.entry("W7", Bench::tableTable),
        Map.entry("W8", Bench::sessions),
        Map.entry("W9", Bench::wordCount));

    static KStream<String, Order> orders(StreamsBuilder builder, Map<String, String> topics) {
        return builder.stream(topics.get("orders"), Consumed.with(TEXT, ORDER));
    }

    static KStream<String, byte[]> rawOrders(StreamsBuilder builder, Map<String, String> topics) {
        return builder.stream(topics.get("orders"), Consumed.with(TEXT, RAW));
    }

    static void identity(StreamsBuilder builder, Map<String, String> topics) {
        builder.stream(topics.get("orders"), Consumed.with(TEXT, TEXT)).to(topics.get("out"), Produced.with(TEXT, TEXT));
    }

    static void stateless(StreamsBuilder builder, Map<String, String> topics) {
        orders(builder, topics)
            .filter((key, order) -> !order.status.equals("CANCELLED"))
            .mapValues(order ->
                new Total(order.id, order.customer, (long) order.amount * order.qty, order.status, order.ts, false))
            .flatMapValues(one -> one.total() < 50_000
                ? List.of(one)
                : List.of(one, new Total(one.id(), one.customer(), one.total(), one.status(), one.ts(), true)))
            .to(topics.get("out"), Produced.with(TEXT, TOTAL));
    }

    static void count(StreamsBuilder builder, Map<String, String> topics, String dataset, boolean caching) {
        Materialized<String, Long, KeyValueStore<Bytes, byte[]>> store =
            Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts").withKeySerde(TEXT).withValueSerde(LONG);
        builder.stream(topics.get(dataset), Consumed.with(TEXT, RAW))
            .groupByKey(Grouped.with(TEXT, RAW))
            .count(caching ? store : store.withCachingDisabled())
            .toStream()
            .to(topics.get("out"), Produced.with(TEXT, LONG));
    }

    static void tumbling(StreamsBuilder builder, Map<String, String> topics) {
        orders(builder, topics)
            .groupByKey(Grouped.with(TEXT, ORDER))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(10), Duration.ofSeconds(10)))
            .aggregate(() -> 0L, (key, order, sum) -> sum + order.amount, Materialized.with(TEXT, LONG))
            .toStream()
            .to(topics.get("out"), Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 10_000), LONG));
    }

    static void hopping(StreamsBuilder builder, Map<String, String> topics) {
        rawOrders(builder, topics)
            .groupByKey(Grouped.with(TEXT, RAW))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(60), Duration.ofSeconds(10))
                .advanceBy(Duration.ofSeconds(12)))
            .count(Materialized.with(TEXT, LONG))
            .toStream()
            .to(topics.get("out"), Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 60_000), LONG));
    }

    static Enriched enriched(Order order, Customer customer) {
        return new Enriched(
            order.id, order.customer, order.amount, order.qty, customer.name, customer.segment, customer.country, order.ts);
    }

    static void streamTable(StreamsBuilder builder, Map<String, String> topics) {
        KTable<String, Customer> customers = builder.table(topics.get("customers"), Consumed.with(TEXT, CUSTOMER));
        orders(builder, topics)
            .join(customers, Bench::enriched, Joined.with(TEXT, ORDER, CUSTOMER))
            .to(topics.get("out"), Produced.with(TEXT, ENRICHED));
    }

    static void streamStream(StreamsBuilder builder, Map<String, String> topics) {
        KStream<String, Order> orders = builder.stream(topics.get("orders-by-id"), Consumed.with(TEXT, ORDER));
        KStream<String, Payment> payments = builder.stream(topics.get("payments"), Consumed.with(TEXT, PAYMENT));
        JoinWindows windows = JoinWindows.ofTimeDifferenceAndGrace(Duration.ofSeconds(5), Duration.ofSeconds(5));
        orders
            .join(
                payments,
                (order, payment) ->
                    new Settled(order.id, order.customer, order.amount, payment.paid, payment.method, order.ts),
                windows,
                StreamJoined.with(TEXT, ORDER, PAYMENT))
            .to(topics.get("out"), Produced.with(TEXT, SETTLED));
    }

    static void tableTable(StreamsBuilder builder, Map<String, String> topics) {
        KTable<String, Order> orders =
            builder.table(topics.get("orders"), Consumed.with(TEXT, ORDER), Materialized.as("orders"));
        KTable<String, Customer> customers =
            builder.table(topics.get("customer-changes"), Consumed.with(TEXT, CUSTOMER), Materialized.as("customers"));
        orders.join(customers, Bench::enriched).toStream().to(topics.get("out"), Produced.with(TEXT, ENRICHED));
    }

    static void sessions(StreamsBuilder builder, Map<String, String> topics) {
        rawOrders(builder, topics)
            .groupByKey(Grouped.with(TEXT, RAW))
            .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofSeconds(5), Duration.ofSeconds(10)))
            .count(Materialized.with(TEXT, LONG))
            .toStream()
            .to(topics.get("out"), Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), LONG));
    }

    static void wordCount(StreamsBuilder builder, Map<String, String> topics) {
        builder.stream(topics.get("lines"), Consumed.with(RAW, TEXT))
            .flatMapValues(line ->
                Arrays.stream(WORDS.split(line.toLowerCase())).filter(word -> !word.isEmpty()).collect(Collectors.toList()))
            .groupBy((key, word) -> word, Grouped.with(TEXT, TEXT))
            .count(Materialized.with(TEXT, LONG))
            .toStream()
            .to(topics.get("out"), Produced.with(TEXT, LONG));
    }

    // One run

    record Sample(double at, double worker, double broker, long done) {
        @Override
        public String toString() {
            return "[" + at + "," + worker + "," + broker + "," + done + "]";
        }
    }

    static Sample sample(String broker, long done) {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return new Sample(System.nanoTime() / 1e9, system.getProcessCpuTime() / 1e9, cpuOf(broker), done);
    }

    /** CPU seconds of a process; 0 where the system does not tell. */
    static double cpuOf(String pid) {
        try {
            String stat = Files.readString(Path.of("/proc", pid, "stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
        } catch (IOException error) {
            return 0;
        }
    }

    static double peakMb() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return 0;
        }
        return Files.readAllLines(status).stream()
            .filter(line -> line.startsWith("VmHWM:"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
            .sum() / 1024.0;
    }

    static long processed(KafkaStreams streams) {
        double total = 0;
        for (Map.Entry<org.apache.kafka.common.MetricName, ? extends Metric> each : streams.metrics().entrySet()) {
            if (each.getKey().name().equals("process-total") && each.getKey().group().equals("stream-thread-metrics")) {
                total += ((Number) each.getValue().metricValue()).doubleValue();
            }
        }
        return (long) total;
    }

    /** The application of a job; of what is given, names with a dot are settings, the others topics. */
    static KafkaStreams application(String brokers, String job, Map<String, String> given) {
        Map<String, String> topics = given.entrySet().stream()
            .filter(each -> !each.getKey().contains("."))
            .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
        Properties config = new Properties();
        config.put("bootstrap.servers", brokers);
        config.put("auto.offset.reset", "earliest");
        given.forEach((name, value) -> {
            if (name.contains(".")) {
                config.put(name, value);
            }
        });
        StreamsBuilder builder = new StreamsBuilder();
        JOBS.get(job).accept(builder, topics);
        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        return streams;
    }

    /** Leaves the group, as ours does: who comes next is not to wait for the session of the one before. */
    static void close(KafkaStreams streams) {
        streams.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
            .withTimeout(LONGEST));
    }

    static void run(String brokers, String job, long total, String broker, Map<String, String> given) throws Exception {
        List<Sample> samples = new ArrayList<>();
        samples.add(sample(broker, 0));
        KafkaStreams streams = application(brokers, job, given);
        Restored restored = new Restored(broker);
        streams.setGlobalStateRestoreListener(restored);
        streams.start();
        long heard = System.nanoTime();
        long done = 0;
        Sample first = sample(broker, 0);
        while (done == 0) {
            alive(streams, heard, 0, total);
            Thread.sleep(SAMPLE_MS / 10);
            Sample before = sample(broker, 0);
            done = processed(streams);
            first = done == 0 ? before : first;
        }
        samples.add(first);
        samples.add(sample(broker, done));
        while (done < total) {
            Thread.sleep(SAMPLE_MS);
            long now = processed(streams);
            samples.add(sample(broker, now));
            if (now != done) {
                heard = System.nanoTime();
            }
            done = now;
            alive(streams, heard, done, total);
        }
        close(streams);
        samples.add(sample(broker, done));
        System.out.println(
            "{\"samples\": " + samples + ", \"restored\": " + restored.samples + ", \"peak_mb\": " + peakMb() + "}");
    }

    /** Takes samples before the first row that is restored and after the last. */
    static final class Restored implements StateRestoreListener {
        final List<Sample> samples = new ArrayList<>();
        private final String broker;

        Restored(String broker) {
            this.broker = broker;
        }

        @Override
        public void onRestoreStart(TopicPartition partition, String store, long start, long end) {
            samples.add(sample(broker, 0));
        }

        @Override
        public void onBatchRestored(TopicPartition partition, String store, long end, long count) {}

        @Override
        public void onRestoreEnd(TopicPartition partition, String store, long total) {
            samples.add(sample(broker, total));
        }
    }

    /** Runs a job until SIGTERM comes. */
    static void serve(String brokers, String job, Map<String, String> given) throws Exception {
        KafkaStreams streams = application(brokers, job, given);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(streams)));
        streams.start();
        while (!streams.state().hasCompletedShutdown()) {
            Thread.sleep(SAMPLE_MS);
        }
    }

    static Map<String, String> pairs(String[] given, int after) {
        return Arrays.stream(given).skip(after).map(each -> each.split("=", 2))
            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
    }

    static void alive(KafkaStreams streams, long heard, long done, long total) {
        boolean still = System.nanoTime() - heard > LONGEST.toNanos();
        if (still || streams.state().hasCompletedShutdown()) {
            System.err.println("it stands still at " + done + " of " + total + " records, " + streams.state());
            System.exit(1);
        }
    }

    // Topics

    static void create(String brokers, String topic) throws Exception {
        try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", brokers))) {
            NewTopic wanted = new NewTopic(topic, 1, (short) 1).configs(Map.of("retention.ms", "-1"));
            admin.createTopics(List.of(wanted)).all().get();
        }
    }

    static void fill(String brokers, String topic) throws Exception {
        create(brokers, topic);
        Map<String, Object> config = Map.of("bootstrap.servers", brokers, "linger.ms", "50", "batch.size", "131072");
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        try (KafkaProducer<byte[], byte[]> producer =
            new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            while (true) {
                long time;
                try {
                    time = in.readLong();
                } catch (EOFException end) {
                    break;
                }
                byte[] key = bytes(in);
                producer.send(new ProducerRecord<>(topic, 0, time, key, bytes(in)));
            }
        }
    }

    static byte[] bytes(DataInputStream in) throws IOException {
        int length = in.readInt();
        return length < 0 ? null : in.readNBytes(length);
    }

    static void read(String brokers, String topic) throws Exception {
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
        TopicPartition place = new TopicPartition(topic, 0);
        Map<String, Object> config = Map.of("bootstrap.servers", brokers, "auto.offset.reset", "earliest");
        try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(place));
            long end = consumer.endOffsets(List.of(place)).get(place);
            while (consumer.position(place) < end) {
                for (ConsumerRecord<byte[], byte[]> each : consumer.poll(Duration.ofMillis(200))) {
                    out.writeLong(each.timestamp());
                    write(out, each.key());
                    write(out, each.value());
                }
            }
        }
        out.flush();
    }

    static void write(DataOutputStream out, byte[] data) throws IOException {
        out.writeInt(data == null ? -1 : data.length);
        if (data != null) {
            out.write(data);
        }
    }

    static void drop(String brokers, String prefix) throws Exception {
        try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", brokers))) {
            List<String> ours =
                admin.listTopics().names().get().stream().filter(name -> name.startsWith(prefix)).toList();
            admin.deleteTopics(ours).all().get();
        }
    }

    public static void main(String[] given) throws Exception {
        switch (given[0]) {
            case "fill" -> fill(given[1], given[2]);
            case "read" -> read(given[1], given[2]);
            case "drop" -> drop(given[1], given[2]);
            case "run" -> run(given[1], given[2], Long.parseLong(given[3]), given[4], pairs(given, 5));
            case "serve" -> serve(given[1], given[2], pairs(given, 3));
            default -> throw new IllegalArgumentException(given[0]);
        }
    }
}
