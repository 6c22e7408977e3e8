package io.jaconet.subnet.etcd;

import com.google.common.base.Splitter;
import io.jaconet.testkit.EtcdServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** An authority with certificates for a server on loopback and for a client, made with openssl in a directory. */
final class Certificates {
  private final Path directory;
  private final boolean clientsNeedOne;

  /** Makes {@code ca.pem}, {@code server.pem}, {@code client.pem} and their {@code .key} files. */
  Certificates(Path directory, boolean clientsNeedOne) throws IOException {
    this.directory = directory;
    this.clientsNeedOne = clientsNeedOne;
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
    issue("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth");
    issue("client", "extendedKeyUsage=clientAuth");
  }

  private void issue(String name, String extensions) throws IOException {
    Files.writeString(file(name + ".ext"), extensions);
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout "
        + name + ".key -out " + name + ".csr");
    openssl(
        "x509 -req -days 2 -in " + name + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile "
            + name + ".ext -out " + name + ".pem");
  }

  /** Runs openssl in the directory. */
  void openssl(String arguments) throws IOException {
    var command = new ArrayList<>(List.of("openssl"));
    command.addAll(Splitter.on(' ').splitToList(arguments));
    var log = file("openssl.log");
    var process = new ProcessBuilder(command)
        .directory(directory.toFile())
        .redirectErrorStream(true)
        .redirectOutput(log.toFile())
        .start();
    if (process.onExit().join().exitValue() != 0) {
      throw new IOException(command + ": " + Files.readString(log));
    }
  }

  Path file(String name) {
    return directory.resolve(name);
  }

  /** Starts a member that has the server's certificate. */
  EtcdServer startEtcd() throws IOException {
    var builder = EtcdServer.builder().tls(file("server.pem"), file("server.key"));
    if (clientsNeedOne) {
      builder.clientAuthorities(file("ca.pem"));
    }
    return builder.start();
  }
}
