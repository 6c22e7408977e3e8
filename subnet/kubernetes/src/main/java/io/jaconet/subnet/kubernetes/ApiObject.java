package io.jaconet.subnet.kubernetes;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonParseException;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An object of the API, or a list of them, as far as it matters here: a node or a pod, a page of nodes, or what the server says of a failure.
 * Everything else, which is most of a node, is passed over while reading.
 */
final class ApiObject {
  private static final Logger log = LoggerFactory.getLogger(ApiObject.class);

  private String kind = "";
  private String name = "";
  private String resourceVersion = "";
  private String continuation = "";
  private long created;
  private String podCidr = "";
  private ImmutableList<String> podCidrs = ImmutableList.of();
  private ImmutableMap<String, String> annotations = ImmutableMap.of();
  private String nodeName = "";
  private boolean ready;
  private int code;
  private String reason = "";
  private String message = "";

  private ApiObject() {}

  /**
   * Reads one object.
   *
   * @param wanted which annotations are kept
   * @param items is told of each item of a list
   * @throws IOException if it is no JSON object, or ends early
   */
  static ApiObject read(JsonReader json, Predicate<String> wanted, Consumer<Node> items)
      throws IOException {
    var object = new ApiObject();
    try {
      object.readMembers(json, wanted, items);
    } catch (IllegalStateException | NumberFormatException | JsonParseException e) {
      throw new MalformedJsonException("not an object of the API", e);
    }
    return object;
  }

  private void readMembers(JsonReader json, Predicate<String> wanted, Consumer<Node> items)
      throws IOException {
    json.beginObject();
    while (json.hasNext()) {
      switch (json.nextName()) {
        case "kind" -> kind = text(json);
        case "metadata" -> readMetadata(json, wanted);
        case "spec" -> readSpec(json);
        case "status" -> readStatus(json);
        case "items" -> readItems(json, wanted, items);
        case "code" -> code = json.nextInt();
        case "reason" -> reason = text(json);
        case "message" -> message = text(json);
        default -> json.skipValue();
      }
    }
    json.endObject();
  }

  private static String text(JsonReader json) throws IOException {
    var token = json.peek();
    if (token == JsonToken.STRING || token == JsonToken.NUMBER) {
      return json.nextString();
    }
    json.skipValue();
    return "";
  }

  private static boolean begins(JsonReader json, JsonToken wanted) throws IOException {
    if (json.peek() == wanted) {
      return true;
    }
    json.skipValue();
    return false;
  }

  private void readMetadata(JsonReader json, Predicate<String> wanted) throws IOException {
    if (begins(json, JsonToken.BEGIN_OBJECT)) {
      json.beginObject();
      while (json.hasNext()) {
        switch (json.nextName()) {
          case "name" -> name = text(json);
          case "resourceVersion" -> resourceVersion = text(json);
          case "continue" -> continuation = text(json);
          case "creationTimestamp" -> created = seconds(text(json));
          case "annotations" -> readAnnotations(json, wanted);
          default -> json.skipValue();
        }
      }
      json.endObject();
    }
  }

  private static long seconds(String timestamp) {
    try {
      return timestamp.isEmpty() ? 0 : Instant.parse(timestamp).getEpochSecond();
    } catch (DateTimeParseException e) {
      return 0;
    }
  }

  private void readAnnotations(JsonReader json, Predicate<String> wanted) throws IOException {
    if (begins(json, JsonToken.BEGIN_OBJECT)) {
      var kept = ImmutableMap.<String, String>builder();
      json.beginObject();
      while (json.hasNext()) {
        var annotation = json.nextName();
        if (wanted.test(annotation)) {
          kept.put(annotation, text(json));
        } else {
          json.skipValue();
        }
      }
      json.endObject();
      annotations = kept.buildKeepingLast();
    }
  }

  private void readSpec(JsonReader json) throws IOException {
    if (begins(json, JsonToken.BEGIN_OBJECT)) {
      json.beginObject();
      while (json.hasNext()) {
        switch (json.nextName()) {
          case "podCIDR" -> podCidr = text(json);
          case "podCIDRs" -> podCidrs = texts(json);
          case "nodeName" -> nodeName = text(json);
          default -> json.skipValue();
        }
      }
      json.endObject();
    }
  }

  private static ImmutableList<String> texts(JsonReader json) throws IOException {
    List<String> texts = new ArrayList<>();
    if (begins(json, JsonToken.BEGIN_ARRAY)) {
      json.beginArray();
      while (json.hasNext()) {
        texts.add(text(json));
      }
      json.endArray();
    }
    return ImmutableList.copyOf(texts);
  }

  /** Reads an object's status; that of a failure is a mere word. */
  private void readStatus(JsonReader json) throws IOException {
    if (begins(json, JsonToken.BEGIN_OBJECT)) {
      json.beginObject();
      while (json.hasNext()) {
        if (json.nextName().equals("conditions") && json.peek() == JsonToken.BEGIN_ARRAY) {
          readConditions(json);
        } else {
          json.skipValue();
        }
      }
      json.endObject();
    }
  }

  private void readConditions(JsonReader json) throws IOException {
    json.beginArray();
    while (json.hasNext()) {
      var type = "";
      var status = "";
      if (begins(json, JsonToken.BEGIN_OBJECT)) {
        json.beginObject();
        while (json.hasNext()) {
          switch (json.nextName()) {
            case "type" -> type = text(json);
            case "status" -> status = text(json);
            default -> json.skipValue();
          }
        }
        json.endObject();
      }
      ready |= type.equals("Ready") && status.equals("True");
    }
    json.endArray();
  }

  private static void readItems(JsonReader json, Predicate<String> wanted, Consumer<Node> items)
      throws IOException {
    if (begins(json, JsonToken.BEGIN_ARRAY)) {
      json.beginArray();
      while (json.hasNext()) {
        var item = read(json, wanted, nested -> {});
        try {
          items.accept(item.node());
        } catch (MalformedJsonException e) {
          log.warn("Passes over an item of a list: {}", e.getMessage());
        }
      }
      json.endArray();
    }
  }

  /**
   * Returns the object as a node.
   *
   * @throws MalformedJsonException if it has no name or no revision, and so is no object of an API server
   */
  Node node() throws MalformedJsonException {
    if (name.isEmpty()) {
      throw new MalformedJsonException("a node without a name");
    }
    var cidrs = podCidrs.isEmpty() && !podCidr.isEmpty() ? ImmutableList.of(podCidr) : podCidrs;
    return new Node(name, created, revision(), cidrs, annotations, ready);
  }

  /**
   * Returns the resource version. The API calls it opaque, but every API server counts in it, which since Kubernetes 1.35 it promises.
   *
   * @throws MalformedJsonException if it is no number
   */
  long revision() throws MalformedJsonException {
    try {
      return Long.parseLong(resourceVersion);
    } catch (NumberFormatException e) {
      throw new MalformedJsonException("a resource version that is no number");
    }
  }

  String kind() {
    return kind;
  }

  /** Returns the token for the next page of a list; empty if this is the last. */
  String continuation() {
    return continuation;
  }

  /** Returns the node that a pod runs on; empty if it is not known. */
  String nodeName() {
    return nodeName;
  }

  /** Returns the HTTP status of a failure; 0 if it says none. */
  int code() {
    return code;
  }

  /** Returns what a failure is, in words; empty if it does not say. */
  String failure() {
    return message.isEmpty() ? reason : message;
  }
}
