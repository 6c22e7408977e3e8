package io.jaconet.spi;

import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.UnderlaySelection;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Makes backends of one type. Found by {@link java.util.ServiceLoader}; needs a public constructor without parameters. */
public interface BackendProvider {

  /** Returns the name by which a configuration asks for this type, in lower case. */
  String type();

  /**
   * Returns a backend for one network. Nothing is opened or made yet.
   *
   * @throws IllegalArgumentException if an option is wrong; the message has its JSON path, the value, the allowed range and a valid example
   */
  Backend create(Context context);

  /**
   * What a backend is told of its network.
   *
   * @param networkName the name by which the process tells its networks apart
   * @param nodeId the node's stable id
   * @param config the network's configuration
   * @param underlay how to find the underlay interface
   * @param namespace the network namespace to work in, such as {@code /run/netns/blue}; null for the process's own
   */
  record Context(
      String networkName,
      String nodeId,
      NetworkConfig config,
      UnderlaySelection underlay,
      @Nullable Path namespace) {}
}
