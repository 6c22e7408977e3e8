package io.jaconet.iptables;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A table of nftables that is wholly ours, in the terms of the JSON of {@code nft}.
 *
 * @param family {@code ip}, {@code ip6} or {@code inet}
 * @param counters the named counters
 * @param sets the sets of addresses
 * @param chains the chains
 * @param isPure false if the table is switched off or holds something of a kind that we do not use
 */
record NftTable(
    String family,
    String name,
    ImmutableSet<String> counters,
    ImmutableMap<String, AddressSet> sets,
    ImmutableMap<String, Chain> chains,
    boolean isPure) {

  /**
   * A set of addresses.
   *
   * @param type {@code ipv4_addr} or {@code ipv6_addr}
   */
  record AddressSet(String type, ImmutableSet<String> elements) {}

  /**
   * A chain.
   *
   * @param hook where its packets come from, empty if it is only jumped to
   * @param rules the expressions of each rule
   */
  record Chain(ImmutableMap<String, JsonElement> hook, ImmutableList<JsonElement> rules) {
    static Chain of(ImmutableList<JsonElement> rules) {
      return new Chain(ImmutableMap.of(), rules);
    }

    /** Returns a chain that the kernel gives packets to, and that lets pass what no rule decides on. */
    static Chain at(String type, String hook, int priority, ImmutableList<JsonElement> rules) {
      return new Chain(
          ImmutableMap.of(
              "type", json("\"" + type + "\""),
              "hook", json("\"" + hook + "\""),
              "prio", json(Integer.toString(priority)),
              "policy", json("\"accept\"")),
          rules);
    }
  }

  private static final ImmutableList<String> HOOK =
      ImmutableList.of("type", "hook", "prio", "policy");

  static JsonElement json(String text) {
    return JsonParser.parseString(text);
  }

  /**
   * Reads what {@code nft -j list table} printed.
   *
   * @throws IOException if it cannot be understood
   */
  static NftTable parse(String output) throws IOException {
    try {
      var reading = new Reading();
      for (var object : json(output).getAsJsonObject().getAsJsonArray("nftables")) {
        object
            .getAsJsonObject()
            .entrySet()
            .forEach(entry -> reading.take(entry.getKey(), entry.getValue().getAsJsonObject()));
      }
      return reading.table();
    } catch (JsonParseException | IllegalStateException | UnsupportedOperationException e) {
      throw new IOException(
          "nft printed JSON that has another shape than expected: " + e.getMessage(), e);
    }
  }

  private static final class Reading {
    private String family = "";
    private String name = "";
    private boolean pure = true;
    private final ImmutableSet.Builder<String> counters = ImmutableSet.builder();
    private final ImmutableMap.Builder<String, AddressSet> sets = ImmutableMap.builder();
    private final Map<String, ImmutableMap<String, JsonElement>> hooks = new LinkedHashMap<>();
    private final Map<String, ImmutableList.Builder<JsonElement>> rules = new LinkedHashMap<>();

    void take(String kind, JsonObject object) {
      switch (kind) {
        case "metainfo" -> {}
        case "table" -> {
          family = object.get("family").getAsString();
          name = object.get("name").getAsString();
          pure &= !object.has("flags");
        }
        case "counter" -> counters.add(object.get("name").getAsString());
        case "set" -> takeSet(object);
        case "chain" -> takeChain(object);
        case "rule" ->
          rules
              .computeIfAbsent(object.get("chain").getAsString(), chain -> ImmutableList.builder())
              .add(object.get("expr"));
        default -> pure = false;
      }
    }

    private void takeSet(JsonObject object) {
      var elements = ImmutableSet.<String>builder();
      boolean plain = object.get("type").isJsonPrimitive() && !object.has("flags");
      if (object.has("elem")) {
        for (var element : object.getAsJsonArray("elem")) {
          plain &= element.isJsonPrimitive();
          elements.add(element.isJsonPrimitive() ? element.getAsString() : element.toString());
        }
      }
      pure &= plain;
      sets.put(
          object.get("name").getAsString(),
          new AddressSet(plain ? object.get("type").getAsString() : "", elements.build()));
    }

    private void takeChain(JsonObject object) {
      var hook = ImmutableMap.<String, JsonElement>builder();
      for (var key : HOOK) {
        if (object.has(key)) {
          hook.put(key, object.get(key));
        }
      }
      hooks.put(object.get("name").getAsString(), hook.build());
    }

    NftTable table() {
      var chains = ImmutableMap.<String, Chain>builder();
      hooks.forEach((chain, hook) -> chains.put(
          chain,
          new Chain(
              hook, rules.containsKey(chain) ? rules.get(chain).build() : ImmutableList.of())));
      return new NftTable(family, name, counters.build(), sets.build(), chains.build(), pure);
    }
  }

  /** Returns the number of rules. */
  int ruleCount() {
    return chains.values().stream().mapToInt(chain -> chain.rules().size()).sum();
  }

  /** Commands and what they mend, in words. */
  record Plan(JsonArray commands, ImmutableList<String> differences, int present) {}

  /**
   * Compares with what is there, and returns what makes the difference.
   *
   * @param readBack knows which rules are printed otherwise than they are written
   */
  Plan from(NftTable observed, ReadBack<ImmutableList<JsonElement>> readBack) {
    boolean sameShape = observed.isPure
        && observed.counters.equals(counters)
        && observed.sets.keySet().equals(sets.keySet())
        && observed.chains.keySet().equals(chains.keySet())
        && chains.entrySet().stream()
            .allMatch(chain -> chain.getValue().hook().equals(hookOf(observed, chain.getKey())));
    if (!sameShape) {
      return new Plan(
          replacement(), ImmutableList.of(this + " had other chains or sets than ours"), 0);
    }
    var commands = new JsonArray();
    var differences = ImmutableList.<String>builder();
    sets.forEach((set, wanted) -> {
      if (change(set, wanted, observed.sets.get(set), commands)) {
        differences.add("set " + set + " of " + this + " had other addresses");
      }
    });
    int present = 0;
    for (var chain : chains.entrySet()) {
      var wanted = chain.getValue().rules();
      var there = rulesOf(observed, chain.getKey());
      if (readBack.isSame(this + chain.getKey(), wanted, there)) {
        present += wanted.size();
      } else {
        var counted = new ArrayList<>(there);
        present += (int) wanted.stream().filter(counted::remove).count();
        commands.add(command("flush", "chain", named(chain.getKey())));
        addRules(chain.getKey(), wanted, commands);
        differences.add("chain " + chain.getKey() + " of " + this + " had other rules");
      }
    }
    return new Plan(commands, differences.build(), present);
  }

  private static ImmutableMap<String, JsonElement> hookOf(NftTable table, String chain) {
    var found = table.chains.get(chain);
    return found == null ? ImmutableMap.of() : found.hook();
  }

  private static ImmutableList<JsonElement> rulesOf(NftTable table, String chain) {
    var found = table.chains.get(chain);
    return found == null ? ImmutableList.of() : found.rules();
  }

  private boolean change(
      String name, AddressSet wanted, @Nullable AddressSet there, JsonArray commands) {
    var present = there == null ? ImmutableSet.<String>of() : there.elements();
    var missing = Sets.difference(wanted.elements(), present).immutableCopy();
    var extra = Sets.difference(present, wanted.elements()).immutableCopy();
    addElements("add", name, missing, commands);
    addElements("delete", name, extra, commands);
    return !missing.isEmpty() || !extra.isEmpty();
  }

  private void addElements(
      String verb, String set, ImmutableSet<String> elements, JsonArray commands) {
    if (!elements.isEmpty()) {
      var object = named(set);
      object.add("elem", array(elements));
      commands.add(command(verb, "element", object));
    }
  }

  private static JsonArray array(ImmutableSet<String> texts) {
    var array = new JsonArray();
    texts.forEach(array::add);
    return array;
  }

  /** Returns the commands that make the table, in place of any of its name. */
  JsonArray replacement() {
    var commands = new JsonArray();
    var table = new JsonObject();
    table.addProperty("family", family);
    table.addProperty("name", name);
    // The first one makes sure that there is something to delete.
    commands.add(command("add", "table", table));
    commands.add(command("delete", "table", table));
    commands.add(command("add", "table", table));
    counters.forEach(counter -> commands.add(command("add", "counter", named(counter))));
    sets.forEach((set, content) -> {
      var object = named(set);
      object.addProperty("type", content.type());
      if (!content.elements().isEmpty()) {
        object.add("elem", array(content.elements()));
      }
      commands.add(command("add", "set", object));
    });
    chains.forEach((chain, content) -> {
      var object = named(chain);
      content.hook().forEach(object::add);
      commands.add(command("add", "chain", object));
    });
    chains.forEach((chain, content) -> addRules(chain, content.rules(), commands));
    return commands;
  }

  private void addRules(String chain, ImmutableList<JsonElement> rules, JsonArray commands) {
    for (var expressions : rules) {
      var rule = new JsonObject();
      rule.addProperty("family", family);
      rule.addProperty("table", name);
      rule.addProperty("chain", chain);
      rule.add("expr", expressions);
      commands.add(command("add", "rule", rule));
    }
  }

  private JsonObject named(String object) {
    var named = new JsonObject();
    named.addProperty("family", family);
    named.addProperty("table", name);
    named.addProperty("name", object);
    return named;
  }

  private static JsonObject command(String verb, String kind, JsonObject object) {
    var inner = new JsonObject();
    inner.add(kind, object);
    var command = new JsonObject();
    command.add(verb, inner);
    return command;
  }

  /** Returns the expression that holds if {@code left} is, or is not, {@code right}. */
  static JsonObject match(String operator, JsonElement left, JsonElement right) {
    var match = new JsonObject();
    match.addProperty("op", operator);
    match.add("left", left);
    match.add("right", right);
    var expression = new JsonObject();
    expression.add("match", match);
    return expression;
  }

  /** Returns the field of a header. */
  static JsonObject payload(String protocol, String field) {
    var payload = new JsonObject();
    payload.addProperty("protocol", protocol);
    payload.addProperty("field", field);
    var expression = new JsonObject();
    expression.add("payload", payload);
    return expression;
  }

  /** Returns what the kernel knows of a packet beside its bytes. */
  static JsonObject meta(String key) {
    var meta = new JsonObject();
    meta.addProperty("key", key);
    var expression = new JsonObject();
    expression.add("meta", meta);
    return expression;
  }

  /** Returns a statement without arguments. */
  static JsonObject statement(String name) {
    var statement = new JsonObject();
    statement.add(name, JsonNull.INSTANCE);
    return statement;
  }

  @Override
  public String toString() {
    return family + " " + name;
  }
}
