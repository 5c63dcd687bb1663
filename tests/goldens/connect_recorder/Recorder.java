import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.runtime.Worker;
import org.apache.kafka.connect.runtime.isolation.Plugins;
import org.apache.kafka.connect.runtime.rest.entities.ConfigInfo;
import org.apache.kafka.connect.runtime.rest.entities.ConfigInfos;
import org.apache.kafka.connect.runtime.standalone.StandaloneConfig;
import org.apache.kafka.connect.runtime.standalone.StandaloneHerder;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;
import org.apache.kafka.connect.storage.MemoryOffsetBackingStore;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;
import org.apache.kafka.connect.util.FutureCallback;

/** Reads a case a line and writes the same line with Kafka Connect's answer. README.md has the form of both. */
public class Recorder {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode it = (ObjectNode) JSON.readTree(line);
            ObjectNode answer = JSON.createObjectNode();
            try {
                switch (it.get("kind").asText()) {
                    case "transform": transform(it, answer); break;
                    case "converter": converter(it, answer); break;
                    case "header": header(it, answer); break;
                    case "worker": new StandaloneConfig(settings(it.get("config"))); break;
                    case "connector": connector(it, answer); break;
                    default: throw new IllegalArgumentException(line);
                }
            } catch (Throwable error) {
                answer.removeAll();
                answer.set("error", error(error));
            }
            it.set("java", answer);
            out.println(JSON.writeValueAsString(it));
        }
        System.exit(0);
    }

    static ObjectNode error(Throwable error) {
        ObjectNode said = JSON.createObjectNode();
        said.put("class", error.getClass().getSimpleName());
        said.put("message", error.getMessage());
        return said;
    }

    static Map<String, String> settings(JsonNode given) {
        Map<String, String> settings = new LinkedHashMap<>();
        given.fields().forEachRemaining(each -> settings.put(each.getKey(), each.getValue().isNull() ? null : each.getValue().asText()));
        return settings;
    }

    static Object made(String name) throws Exception {
        return Class.forName(name).getDeclaredConstructor().newInstance();
    }

    // Transforms

    @SuppressWarnings("unchecked")
    static void transform(ObjectNode it, ObjectNode answer) throws Exception {
        Transformation<SinkRecord> transform = (Transformation<SinkRecord>) made(it.get("class").asText());
        transform.configure(settings(it.get("config")));
        Predicate<SinkRecord> predicate = null;
        if (it.has("predicate")) {
            predicate = (Predicate<SinkRecord>) made(it.get("predicate").get("class").asText());
            predicate.configure(settings(it.get("predicate").get("config")));
        }
        ArrayNode records = answer.putArray("records");
        for (JsonNode given : it.get("records")) {
            try {
                SinkRecord record = record(given);
                if (predicate == null || predicate.test(record) != it.get("predicate").get("negate").asBoolean())
                    record = transform.apply(record);
                records.add(record == null ? JSON.nullNode() : said(record));
            } catch (Throwable error) {
                records.add(JSON.createObjectNode().set("error", error(error)));
            }
        }
        transform.close();
    }

    static SinkRecord record(JsonNode it) {
        Schema keySchema = schema(it.get("key_schema"));
        Schema valueSchema = schema(it.get("value_schema"));
        ConnectHeaders headers = new ConnectHeaders();
        if (it.has("headers"))
            for (JsonNode each : it.get("headers")) {
                Schema schema = schema(each.get("schema"));
                headers.add(each.get("key").asText(), value(schema, each.get("value")), schema);
            }
        return new SinkRecord(it.get("topic").asText(), it.get("partition").asInt(), keySchema, value(keySchema, it.get("key")),
            valueSchema, value(valueSchema, it.get("value")), it.get("offset").asLong(),
            it.get("timestamp").isNull() ? null : it.get("timestamp").asLong(), TimestampType.CREATE_TIME, headers);
    }

    static ObjectNode said(SinkRecord record) {
        ObjectNode said = JSON.createObjectNode();
        said.put("topic", record.topic());
        said.put("partition", record.kafkaPartition());
        said.put("timestamp", record.timestamp());
        said.put("offset", record.kafkaOffset());
        said.set("key_schema", said(record.keySchema()));
        said.set("key", said(record.key()));
        said.set("value_schema", said(record.valueSchema()));
        said.set("value", said(record.value()));
        ArrayNode headers = said.putArray("headers");
        for (Header each : record.headers()) {
            ObjectNode header = headers.addObject();
            header.put("key", each.key());
            header.set("schema", said(each.schema()));
            header.set("value", said(each.value()));
        }
        return said;
    }

    // Converters

    static void converter(ObjectNode it, ObjectNode answer) throws Exception {
        Converter converter = (Converter) made(it.get("class").asText());
        converter.configure(settings(it.get("config")), it.get("key").asBoolean());
        SchemaAndValue found;
        if (it.has("bytes")) {
            found = converter.toConnectData("topic", bytes(it.get("bytes")));
        } else {
            Schema schema = schema(it.get("schema"));
            byte[] written = converter.fromConnectData("topic", schema, value(schema, it.get("value")));
            answer.put("bytes", written == null ? null : Base64.getEncoder().encodeToString(written));
            try {
                found = converter.toConnectData("topic", written);
            } catch (Exception error) {
                answer.set("back", JSON.createObjectNode().set("error", error(error)));
                return;
            }
        }
        ObjectNode back = answer.putObject("back");
        back.set("schema", said(found.schema()));
        back.set("value", said(found.value()));
    }

    static void header(ObjectNode it, ObjectNode answer) throws Exception {
        HeaderConverter converter = (HeaderConverter) made(it.get("class").asText());
        converter.configure(settings(it.get("config")));
        SchemaAndValue found;
        if (it.has("bytes")) {
            found = converter.toConnectHeader("topic", "name", bytes(it.get("bytes")));
        } else {
            Schema schema = schema(it.get("schema"));
            byte[] written = converter.fromConnectHeader("topic", "name", schema, value(schema, it.get("value")));
            answer.put("bytes", written == null ? null : Base64.getEncoder().encodeToString(written));
            found = converter.toConnectHeader("topic", "name", written);
        }
        ObjectNode back = answer.putObject("back");
        back.set("schema", said(found.schema()));
        back.set("value", said(found.value()));
    }

    static byte[] bytes(JsonNode it) {
        return it.isNull() ? null : Base64.getDecoder().decode(it.asText());
    }

    // Configurations of connectors

    static StandaloneHerder herder;

    static void connector(ObjectNode it, ObjectNode answer) throws Exception {
        if (herder == null) {
            Map<String, String> settings = new LinkedHashMap<>();
            settings.put("bootstrap.servers", System.getProperty("broker", "localhost:9092"));  // which is asked for its id
            settings.put("key.converter", "org.apache.kafka.connect.storage.StringConverter");
            settings.put("value.converter", "org.apache.kafka.connect.storage.StringConverter");
            settings.put("offset.storage.file.filename", "/tmp/no-offsets");
            Plugins plugins = new Plugins(settings);
            StandaloneConfig config = new StandaloneConfig(settings);
            AllConnectorClientConfigOverridePolicy policy = new AllConnectorClientConfigOverridePolicy();
            MemoryOffsetBackingStore offsets = new MemoryOffsetBackingStore() {
                @Override
                public java.util.Set<Map<String, Object>> connectorPartitions(String connector) {
                    return java.util.Set.of();
                }
            };
            herder = new StandaloneHerder(new Worker("worker", Time.SYSTEM, plugins, config, offsets, policy), "cluster", policy);
        }
        FutureCallback<ConfigInfos> callback = new FutureCallback<>();
        herder.validateConnectorConfig(settings(it.get("config")), callback);
        ConfigInfos found;
        try {
            found = callback.get(60, TimeUnit.SECONDS);
        } catch (java.util.concurrent.ExecutionException error) {
            answer.set("error", error(error.getCause()));
            return;
        }
        answer.put("error_count", found.errorCount());
        ObjectNode errors = answer.putObject("errors");
        for (ConfigInfo each : found.configs())
            if (!each.configValue().errors().isEmpty()) {
                ArrayNode said = errors.putArray(each.configValue().name());
                each.configValue().errors().forEach(said::add);
            }
    }

    // Schemas and values

    static Schema schema(JsonNode it) {
        if (it == null || it.isNull())
            return null;
        Schema.Type type = Schema.Type.valueOf(it.get("type").asText().toUpperCase());
        SchemaBuilder builder;
        switch (type) {
            case ARRAY: builder = SchemaBuilder.array(schema(it.get("items"))); break;
            case MAP: builder = SchemaBuilder.map(schema(it.get("keys")), schema(it.get("items"))); break;
            case STRUCT:
                builder = SchemaBuilder.struct();
                for (JsonNode field : it.get("fields"))
                    builder.field(field.get("field").asText(), schema(field.get("schema")));
                break;
            default: builder = new SchemaBuilder(type);
        }
        if (it.has("name")) builder.name(it.get("name").asText());
        if (it.has("version")) builder.version(it.get("version").asInt());
        if (it.has("doc")) builder.doc(it.get("doc").asText());
        if (it.has("parameters")) builder.parameters(settings(it.get("parameters")));
        if (it.path("optional").asBoolean()) builder.optional();
        Schema built = builder.build();
        if (it.has("default")) {
            builder.defaultValue(value(built, it.get("default")));
            built = builder.build();
        }
        return built;
    }

    static JsonNode said(Schema schema) {
        if (schema == null)
            return JSON.nullNode();
        ObjectNode said = JSON.createObjectNode();
        said.put("type", schema.type().getName());
        if (schema.type() == Schema.Type.ARRAY || schema.type() == Schema.Type.MAP)
            said.set("items", said(schema.valueSchema()));
        if (schema.type() == Schema.Type.MAP)
            said.set("keys", said(schema.keySchema()));
        if (schema.type() == Schema.Type.STRUCT) {
            ArrayNode fields = said.putArray("fields");
            for (Field field : schema.fields()) {
                ObjectNode one = fields.addObject();
                one.put("field", field.name());
                one.set("schema", said(field.schema()));
            }
        }
        if (schema.name() != null) said.put("name", schema.name());
        if (schema.version() != null) said.put("version", schema.version());
        if (schema.doc() != null) said.put("doc", schema.doc());
        if (schema.parameters() != null) {
            ObjectNode parameters = said.putObject("parameters");
            schema.parameters().forEach(parameters::put);
        }
        if (schema.isOptional()) said.put("optional", true);
        if (schema.defaultValue() != null) said.set("default", said(schema.defaultValue()));
        return said;
    }

    /** A value is null or a pair of its Java type and what it is. */
    static Object value(Schema schema, JsonNode it) {
        if (it == null || it.isNull())
            return null;
        JsonNode what = it.get(1);
        switch (it.get(0).asText()) {
            case "int8": return (byte) what.asInt();
            case "int16": return (short) what.asInt();
            case "int32": return what.asInt();
            case "int64": return Long.parseLong(what.asText());
            case "float32": return Float.parseFloat(what.asText());
            case "float64": return Double.parseDouble(what.asText());
            case "boolean": return what.asBoolean();
            case "string": return what.asText();
            case "bytes": return Base64.getDecoder().decode(what.asText());
            case "decimal": return new BigDecimal(what.asText());
            case "date": return new java.util.Date(what.asLong());
            case "list": {
                List<Object> list = new ArrayList<>();
                what.forEach(each -> list.add(value(schema == null ? null : schema.valueSchema(), each)));
                return list;
            }
            case "map": {
                Map<Object, Object> map = new LinkedHashMap<>();
                for (JsonNode each : what)
                    map.put(value(schema == null ? null : schema.keySchema(), each.get(0)), value(schema == null ? null : schema.valueSchema(), each.get(1)));
                return map;
            }
            case "struct": {
                Struct struct = new Struct(schema);
                Iterator<JsonNode> values = what.elements();
                for (Field field : schema.fields()) {
                    JsonNode given = values.next();
                    if (!given.isNull())
                        struct.put(field, value(field.schema(), given));
                }
                return struct;
            }
            default: throw new IllegalArgumentException(it.toString());
        }
    }

    static JsonNode said(Object value) {
        if (value == null)
            return JSON.nullNode();
        ArrayNode said = JSON.createArrayNode();
        if (value instanceof Byte) return said.add("int8").add(((Byte) value).intValue());
        if (value instanceof Short) return said.add("int16").add(((Short) value).intValue());
        if (value instanceof Integer) return said.add("int32").add((Integer) value);
        if (value instanceof Long) return said.add("int64").add(value.toString());
        if (value instanceof Float) return said.add("float32").add(value.toString());
        if (value instanceof Double) return said.add("float64").add(value.toString());
        if (value instanceof Boolean) return said.add("boolean").add((Boolean) value);
        if (value instanceof String) return said.add("string").add((String) value);
        if (value instanceof byte[]) return said.add("bytes").add(Base64.getEncoder().encodeToString((byte[]) value));
        if (value instanceof ByteBuffer) return said.add("bytes").add(Base64.getEncoder().encodeToString(((ByteBuffer) value).array()));
        if (value instanceof BigDecimal) return said.add("decimal").add(((BigDecimal) value).toString());
        if (value instanceof java.util.Date) return said.add("date").add(((java.util.Date) value).getTime());
        if (value instanceof List) {
            said.add("list");
            ArrayNode inner = said.addArray();
            ((List<?>) value).forEach(each -> inner.add(said(each)));
            return said;
        }
        if (value instanceof Map) {
            said.add("map");
            ArrayNode inner = said.addArray();
            ((Map<?, ?>) value).forEach((key, each) -> inner.addArray().add(said(key)).add(said(each)));
            return said;
        }
        if (value instanceof Struct) {
            said.add("struct");
            ArrayNode inner = said.addArray();
            for (Field field : ((Struct) value).schema().fields())
                inner.add(said(((Struct) value).getWithoutDefault(field.name())));
            return said;
        }
        throw new IllegalArgumentException(value.getClass().toString());
    }
}
