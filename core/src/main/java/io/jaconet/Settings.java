package io.jaconet;

import io.jaconet.overlay.NetworkConfig;
import io.jaconet.overlay.Subnets;
import io.jaconet.overlay.UnderlaySelection;
import io.jaconet.spi.BackendProvider;
import io.jaconet.spi.IptablesManager;
import io.jaconet.spi.SubnetManager;
import java.nio.file.Path;
import java.time.Duration;
import org.immutables.value.Value;
import org.jspecify.annotations.Nullable;

/** What {@link Jaconet.Builder} was told. */
@Value.Immutable
interface Settings {

  @Value.Default
  default String name() {
    return "jaconet";
  }

  String nodeId();

  NetworkConfig config();

  SubnetManager subnetManager();

  @Nullable
  BackendProvider backendProvider();

  @Value.Default
  default UnderlaySelection underlay() {
    return UnderlaySelection.defaultRoute();
  }

  @Nullable
  Path namespace();

  @Nullable
  IptablesManager iptablesManager();

  @Value.Default
  default boolean masquerade() {
    return false;
  }

  @Value.Default
  default boolean forward() {
    return true;
  }

  @Value.Default
  default boolean blackHole() {
    return false;
  }

  @Value.Default
  default boolean guard() {
    return false;
  }

  @Nullable
  NetworkListener listener();

  @Nullable
  Subnets previousSubnets();

  @Nullable
  Path subnetFile();

  @Nullable
  Duration renewMargin();

  @Value.Default
  default Duration auditInterval() {
    return Duration.ofSeconds(10);
  }
}
