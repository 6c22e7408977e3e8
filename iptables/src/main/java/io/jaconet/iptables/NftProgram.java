package io.jaconet.iptables;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.jaconet.linux.NetworkNamespace;
import io.jaconet.linux.Nftables;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** Reads and writes own tables through {@code nft}, and asks the kernel itself whether they are there. */
final class NftProgram {
  private static final int NFPROTO_INET = 1;
  private static final int NFPROTO_IPV4 = 2;
  private static final int NFPROTO_IPV6 = 10;
  private static final int ATTEMPTS = 5;

  private final NetworkNamespace namespace;
  private final Programs programs;

  NftProgram(NetworkNamespace namespace, Programs programs) {
    this.namespace = namespace;
    this.programs = programs;
  }

  private static int number(String family) {
    return switch (family) {
      case "ip" -> NFPROTO_IPV4;
      case "ip6" -> NFPROTO_IPV6;
      default -> NFPROTO_INET;
    };
  }

  static Nftables.Table key(String family, String name) {
    return new Nftables.Table(number(family), name);
  }

  boolean exists(String family, String name) throws IOException {
    try (var nftables = namespace.call(Nftables::open)) {
      return nftables.tables().contains(key(family, name));
    }
  }

  /** Returns what the table holds, empty if there is none. */
  Optional<NftTable> list(String family, String name) throws IOException {
    if (!exists(family, name)) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          NftTable.parse(programs.run(program(), "", "-j", "list", "table", family, name)));
    } catch (ProgramException e) {
      if (!exists(family, name)) {
        return Optional.empty();
      }
      throw explained(e);
    }
  }

  /** Does all of the commands or none. */
  void execute(JsonArray commands) throws IOException {
    var document = new JsonObject();
    document.add("nftables", commands);
    try {
      programs.run(program(), document.toString(), "-j", "-f", "-");
    } catch (ProgramException e) {
      throw explained(e);
    }
  }

  /** Removes a table of ours with all that is in it; needs no program. Idempotent. */
  boolean delete(String family, String name) throws IOException {
    var table = key(family, name);
    try (var nftables = namespace.call(Nftables::open)) {
      for (int attempt = 1; ; attempt++) {
        int generation = nftables.generation();
        if (!nftables.tables().contains(table)) {
          return false;
        }
        try {
          nftables.deleteTable(table, generation);
          return true;
        } catch (IOException e) {
          // Somebody may change other tables all the time.
          if (attempt == ATTEMPTS) {
            throw e;
          }
        }
      }
    }
  }

  private Path program() throws IOException {
    return programs
        .nft()
        .orElseThrow(
            () -> new IOException("there is no program nft; install the package nftables"));
  }

  private static IOException explained(ProgramException e) {
    if (e.complaint().contains("JSON support not compiled-in")) {
      return new IOException(
          e.getMessage() + ". This nft cannot read JSON; install one that is built with libjansson",
          e);
    }
    if (e.complaint().contains("Operation not permitted")) {
      return new IOException(
          e.getMessage() + ". This takes CAP_NET_ADMIN in the network namespace (root)", e);
    }
    return e;
  }
}
