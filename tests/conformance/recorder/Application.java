import org.apache.kafka.streams.*;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;

/**
 * Runs cases' topologies as applications on Kafka's brokers, one after the other.
 *
 * A line of JSON with `spec` and `config` starts one, an empty line ends it; it leaves its group, as one that is taken over at once.
 * Each is answered with a line: {"state": ...}, and "error" where it failed. It ends with its input.
 */
public final class Application {
    static final long PATIENCE_S = 60;
    final KafkaStreams streams;
    final CountDownLatch settled = new CountDownLatch(1);
    volatile Throwable failed;

    Application(Map<String, Object> cs) {
        Properties p = new Properties();
        Topology topology = (Oracle.Handled.running = new Oracle(cs)).topology(p);
        streams = new KafkaStreams(topology, p);
        streams.setUncaughtExceptionHandler(e -> {
            failed = e;
            settled.countDown();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, before) -> { if (now == KafkaStreams.State.RUNNING) settled.countDown(); });
        streams.start();
    }

    Map<String, Object> answer() {
        Map<String, Object> a = new LinkedHashMap<>();
        a.put("state", streams.state().toString());
        if (failed != null) {
            StringWriter text = new StringWriter();
            failed.printStackTrace(new PrintWriter(text));
            a.put("error", text.toString());
        }
        return a;
    }

    Map<String, Object> running() throws InterruptedException {
        settled.await(PATIENCE_S, TimeUnit.SECONDS);
        return answer();
    }

    Map<String, Object> ended() {
        streams.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
            .withTimeout(java.time.Duration.ofSeconds(PATIENCE_S)));
        return answer();
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err); // what a library prints is no answer
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Application running = null;
        for (String line; (line = in.readLine()) != null; ) {
            Map<String, Object> answer;
            try {
                if (!line.isEmpty()) answer = (running = new Application(Oracle.read(line))).running();
                else { answer = running.ended(); running = null; }
            } catch (Throwable e) {
                answer = Map.of("state", "FAILED", "error", e.toString());
            }
            out.println(Lib.json(answer));
        }
        if (running != null) running.ended();
        System.exit(0);
    }
}
