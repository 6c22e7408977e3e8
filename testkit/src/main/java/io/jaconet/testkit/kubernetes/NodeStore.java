package io.jaconet.testkit.kubernetes;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Nodes with revisions, what happened to them, and lists that are being read in pages. Confined to the lock of its server. */
final class NodeStore {
  private final Map<String, JsonObject> nodes = new TreeMap<>();
  private final List<Event> events = new ArrayList<>();
  private final Map<String, Page> pages = new LinkedHashMap<>();
  private long revision = 1_000;

  /** Events up to here are forgotten. */
  private long compacted = revision;

  /** A change, as a line of a watch. */
  record Event(long revision, String line) {}

  /** The rest of a list. */
  record Page(long revision, List<JsonObject> items, String continuation) {}

  long revision() {
    return revision;
  }

  long compacted() {
    return compacted;
  }

  List<String> names() {
    return List.copyOf(nodes.keySet());
  }

  @Nullable
  JsonObject get(String name) {
    return nodes.get(name);
  }

  /** Puts a node as it is, with the next revision. */
  JsonObject put(JsonObject node) {
    var metadata = node.getAsJsonObject("metadata");
    metadata.addProperty("resourceVersion", Long.toString(++revision));
    var before = nodes.put(metadata.get("name").getAsString(), node);
    record(before == null ? "ADDED" : "MODIFIED", node);
    return node;
  }

  void delete(String name) {
    var node = nodes.remove(name);
    if (node != null) {
      var last = node.deepCopy();
      last.getAsJsonObject("metadata").addProperty("resourceVersion", Long.toString(++revision));
      record("DELETED", last);
    }
  }

  /** Lets the revision grow as the writes of other objects do. */
  long pass(int writes) {
    revision += writes;
    return revision;
  }

  private void record(String type, JsonObject node) {
    var event = new JsonObject();
    event.addProperty("type", type);
    event.add("object", node);
    events.add(new Event(revision, event + "\n"));
  }

  /** Forgets what has happened, and the rest of lists. */
  void compact() {
    compacted = revision;
    events.clear();
    pages.clear();
  }

  /** Goes back to an earlier revision, as after a restore of the store. */
  void rewind(long earlier) {
    revision = earlier;
    compact();
  }

  List<Event> eventsAfter(long position) {
    int from = events.size();
    while (from > 0 && events.get(from - 1).revision > position) {
      from--;
    }
    return List.copyOf(events.subList(from, events.size()));
  }

  /** Returns the first page of the list of now. */
  Page list(int limit) {
    return page(revision, List.copyOf(nodes.values()), limit);
  }

  /** Returns the page that {@code token} promised; null if that is forgotten. */
  @Nullable
  Page next(String token, int limit) {
    var rest = pages.remove(token);
    return rest == null ? null : page(rest.revision, rest.items, limit);
  }

  private Page page(long at, List<JsonObject> all, int limit) {
    if (limit <= 0 || all.size() <= limit) {
      return new Page(at, all, "");
    }
    var token =
        at + ":" + all.get(limit).getAsJsonObject("metadata").get("name").getAsString();
    pages.put(token, new Page(at, all.subList(limit, all.size()), ""));
    return new Page(at, all.subList(0, limit), token);
  }

  /** Merges {@code patch} into {@code target} (RFC 7396), lists of conditions by their types if {@code strategic}. */
  static void merge(JsonObject target, JsonObject patch, boolean strategic) {
    for (var entry : patch.entrySet()) {
      var value = entry.getValue();
      var present = target.get(entry.getKey());
      if (value.isJsonNull()) {
        target.remove(entry.getKey());
      } else if (value.isJsonObject()) {
        var into = present != null && present.isJsonObject()
            ? present.getAsJsonObject()
            : new JsonObject();
        merge(into, value.getAsJsonObject(), strategic);
        target.add(entry.getKey(), into);
      } else if (strategic
          && entry.getKey().equals("conditions")
          && present != null
          && present.isJsonArray()) {
        mergeByType(present.getAsJsonArray(), value.getAsJsonArray());
      } else {
        target.add(entry.getKey(), value);
      }
    }
  }

  private static void mergeByType(JsonArray present, JsonArray patches) {
    for (var patch : patches) {
      var type = patch.getAsJsonObject().get("type");
      JsonElement same = null;
      for (var condition : present) {
        if (condition.getAsJsonObject().get("type").equals(type)) {
          same = condition;
        }
      }
      if (same == null) {
        present.add(patch);
      } else {
        merge(same.getAsJsonObject(), patch.getAsJsonObject(), true);
      }
    }
  }
}
