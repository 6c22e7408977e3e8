package io.jaconet.linux;

import io.jaconet.overlay.Underlay;
import io.jaconet.spi.BackendProvider;
import java.io.Closeable;
import java.io.IOException;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What a backend has of its host: the network namespace and rtnetlink there, the right to look after its device, the underlay, which it
 * follows, and word of what others change.
 *
 * <p>Confined to the network's event loop, except for what {@link #watch} calls.
 */
public final class HostNetwork implements Closeable {
  private final NetworkNamespace namespace;
  private final @Nullable DeviceLock lock;
  private final RtNetlink netlink;
  private final FollowedUnderlay underlay;
  private final String networkName;
  private @Nullable KernelWatch watch;
  private Predicate<NetlinkEvent> isOfDevice = event -> false;

  private HostNetwork(
      NetworkNamespace namespace,
      @Nullable DeviceLock lock,
      RtNetlink netlink,
      BackendProvider.Context context) {
    this.namespace = namespace;
    this.lock = lock;
    this.netlink = netlink;
    this.underlay = new FollowedUnderlay(
        new UnderlaySelector(netlink), context.underlay(), context.config().families());
    this.networkName = context.networkName();
  }

  /**
   * Enters the network namespace of {@code context}.
   *
   * @param device the name that only one network of a namespace may look after; null if the kernel chooses one
   * @throws IOException if there is no such namespace, or somebody else looks after the device; nothing is left open
   */
  public static HostNetwork enter(BackendProvider.Context context, @Nullable String device)
      throws IOException {
    var namespace = context.namespace() == null
        ? NetworkNamespace.current()
        : NetworkNamespace.ofPath(context.namespace());
    DeviceLock lock = null;
    try {
      lock = device == null ? null : DeviceLock.acquire(namespace, device);
      return new HostNetwork(namespace, lock, namespace.call(RtNetlink::open), context);
    } catch (IOException | RuntimeException e) {
      closeAll(e, lock, namespace);
      throw e;
    }
  }

  private static void closeAll(Exception failure, @Nullable AutoCloseable... resources) {
    for (var resource : resources) {
      try {
        if (resource != null) {
          resource.close();
        }
      } catch (Exception e) {
        failure.addSuppressed(e);
      }
    }
  }

  /** Returns the namespace, which is closed with this. */
  public NetworkNamespace namespace() {
    return namespace;
  }

  /** Returns rtnetlink of the namespace, which is closed with this. */
  public RtNetlink netlink() {
    return netlink;
  }

  /**
   * Selects the underlay as it is now.
   *
   * @throws IOException if nothing fits, or the kernel cannot be asked; what was selected before stays so
   */
  public Underlay selectUnderlay() throws IOException {
    return underlay.select();
  }

  /** Says that nothing can be done with the underlay that was selected last, so that it is to be selected again. */
  public void refuseUnderlay() {
    underlay.refuse();
  }

  /** Has {@link #isOnAnotherUnderlay} look, whatever was heard. */
  public void doubtUnderlay() {
    underlay.doubt();
  }

  /** Returns whether {@link #selectUnderlay} would find another underlay than it did, or none; looks only if there is a doubt. */
  public boolean isOnAnotherUnderlay() {
    return underlay.isAnother();
  }

  /**
   * Begins to watch.
   *
   * @param isOfDevice whether a change is of the backend's own device, which is nobody's underlay; asked on a thread of the watch's too
   * @param concerns whether a change may matter to the backend beside its underlay, asked on a thread of the watch's
   * @param due is called on that thread when there is something to {@link #hear}
   * @return ends the watch; to be closed before this
   */
  public Closeable watch(
      Predicate<NetlinkEvent> isOfDevice, Predicate<NetlinkEvent> concerns, Runnable due)
      throws IOException {
    this.isOfDevice = isOfDevice;
    var begun = KernelWatch.begin(
        namespace,
        "jaconet-" + networkName + "-watch",
        event -> concerns.test(event) || concernsUnderlay(event),
        due);
    watch = begun;
    return begun;
  }

  private boolean concernsUnderlay(NetlinkEvent event) {
    return underlay.concerns(event) && !isOfDevice.test(event);
  }

  /** Hands on what was changed since the last call, in order; nothing without a watch. */
  public void hear(Consumer<NetlinkEvent> hearer) {
    if (watch == null) {
      return;
    }
    for (NetlinkEvent event : watch.drain()) {
      if (concernsUnderlay(event)) {
        underlay.doubt();
      }
      hearer.accept(event);
    }
  }

  @Override
  public void close() throws IOException {
    var failure = new IOException("not all of the host's side could be closed");
    closeAll(failure, netlink, lock, namespace);
    if (failure.getSuppressed().length > 0) {
      throw failure;
    }
  }
}
