package io.jaconet.flanneld;

import io.jaconet.linux.UnixDatagram;
import java.io.IOException;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells systemd how the daemon is doing, as sd_notify(3) does; without systemd, nobody. */
final class NotifySocket {
  private static final Logger log = LoggerFactory.getLogger(NotifySocket.class);

  private final String address;

  private NotifySocket(String address) {
    this.address = address;
  }

  /** Returns the socket that {@code NOTIFY_SOCKET} names. */
  static NotifySocket of(Map<String, String> environment) {
    return new NotifySocket(environment.getOrDefault("NOTIFY_SOCKET", ""));
  }

  /** The daemon does what it is for. */
  void ready() {
    send("READY=1");
  }

  /** The daemon is about to end. */
  void stopping() {
    send("STOPPING=1");
  }

  private void send(String state) {
    if (address.isEmpty()) {
      return;
    }
    try {
      UnixDatagram.send(address, state);
    } catch (IOException | IllegalArgumentException e) {
      log.warn("systemd is not told {}: {}", state, e.getMessage());
    }
  }
}
