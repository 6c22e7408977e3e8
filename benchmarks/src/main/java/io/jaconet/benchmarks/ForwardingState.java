package io.jaconet.benchmarks;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import com.google.common.collect.ImmutableSet;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.function.Predicate;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** What iproute2 finds on the VXLAN device of a host, in words that do not depend on who wrote it. */
record ForwardingState(
    ImmutableSet<String> neighbors,
    ImmutableSet<String> fdb,
    ImmutableSet<String> nexthops,
    ImmutableSet<String> routes) {

  static ForwardingState of(Host host) throws IOException {
    var name = host.name();
    return new ForwardingState(
        words(
            Commands.json("ip", "-n", name, "-j", "neigh", "show", "dev", Host.VXLAN_DEVICE),
            "dst",
            "lladdr"),
        words(
            Commands.json("bridge", "-n", name, "-j", "fdb", "show", "dev", Host.VXLAN_DEVICE),
            "mac",
            "dst"),
        words(
            Commands.json("ip", "-n", name, "-j", "nexthop", "show", "dev", Host.VXLAN_DEVICE),
            "gateway"),
        words(
            Commands.json("ip", "-n", name, "-j", "-4", "route", "show", "dev", Host.VXLAN_DEVICE),
            "dst",
            "gateway",
            "protocol"));
  }

  private static ImmutableSet<String> words(Iterable<JsonElement> entries, String... members) {
    return StreamSupport.stream(entries.spliterator(), false)
        .map(JsonElement::getAsJsonObject)
        .filter(hasAll(members))
        .map(entry -> Stream.of(members)
            .map(entry::get)
            .map(JsonElement::getAsString)
            .toList()
            .toString())
        .collect(toImmutableSet());
  }

  private static Predicate<JsonObject> hasAll(String... members) {
    return entry -> Stream.of(members).allMatch(entry::has);
  }

  /** Returns whether each of the four tables has {@code peers} entries. */
  boolean isComplete(int peers) {
    return Stream.of(neighbors, fdb, nexthops, routes).allMatch(table -> table.size() == peers);
  }

  @Override
  public String toString() {
    return neighbors.size() + " neighbors, " + fdb.size() + " FDB entries, " + nexthops.size()
        + " nexthop objects, " + routes.size() + " routes";
  }
}
