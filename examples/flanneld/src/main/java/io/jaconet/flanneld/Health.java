package io.jaconet.flanneld;

import io.jaconet.NetworkState;
import io.jaconet.NetworkState.Phase;

/**
 * What a probe is told.
 *
 * @param ok whether the answer is yes
 * @param text the answer, for people; flannel's words where it is yes
 */
record Health(boolean ok, String text) {

  /** Says whether the daemon does its work: a fenced network carries nothing, and one that is closed does not come back. */
  static Health running(NetworkState state) {
    return switch (state.phase()) {
      case UP -> new Health(true, "flanneld is running");
      case JOINING, DEGRADED, STALE ->
        new Health(true, "flanneld is running, but the network is " + describe(state));
      case FENCED, CLOSED -> new Health(false, "the network is " + describe(state));
    };
  }

  /**
   * Says whether all is as it should be. A network that is {@code STALE} is not: traffic flows, but hosts that come or move are not seen, and
   * whoever replaces daemons one by one shall stop there. Nothing is taken from workloads by it, as liveness is another question.
   *
   * @param subnetFile why the file with the own subnet is not as it should be; empty if it is
   */
  static Health ready(NetworkState state, String subnetFile) {
    if (state.phase() != Phase.UP) {
      return new Health(false, "flanneld is not ready: the network is " + describe(state));
    }
    return subnetFile.isEmpty()
        ? new Health(true, "flanneld is ready")
        : new Health(false, "flanneld is not ready: " + subnetFile);
  }

  private static String describe(NetworkState state) {
    var since = state.phase() + " since " + state.since();
    return state.reason().isEmpty() ? since : since + ": " + state.reason();
  }
}
