package io.jaconet.linux;

import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Underlay;
import io.jaconet.overlay.UnderlaySelection;
import java.io.IOException;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The underlay of a network, which may become another while the network runs: another address, MTU or default route, an interface that goes
 * and comes back.
 *
 * <p>Confined to the thread of its {@link UnderlaySelector}, except for {@link #concerns}.
 */
final class FollowedUnderlay {
  private final UnderlaySelector selector;
  private final UnderlaySelection selection;
  private final Set<IpFamily> families;
  private volatile @Nullable Underlay selected;
  private volatile boolean another;
  private boolean doubtful;
  private boolean refused;

  /** Creates one that is not selected yet. */
  public FollowedUnderlay(
      UnderlaySelector selector, UnderlaySelection selection, Set<IpFamily> families) {
    this.selector = selector;
    this.selection = selection;
    this.families = families;
  }

  /**
   * Selects the underlay as it is now.
   *
   * @throws IOException if nothing fits, or the kernel cannot be asked; what was selected before stays so
   */
  public Underlay select() throws IOException {
    var now = selector.select(selection, families);
    selected = now;
    another = false;
    refused = false;
    doubtful = false;
    return now;
  }

  /** Says that nothing can be done with what was selected last, so that it is to be selected again. */
  public void refuse() {
    refused = true;
  }

  /** Returns whether the underlay may be another after {@code event}. For any thread. */
  public boolean concerns(NetlinkEvent event) {
    var now = selected;
    if (now == null || event instanceof NetlinkEvent.Lost) {
      return true;
    }
    if (event instanceof NetlinkEvent.LinkChanged change) {
      var link = change.link();
      boolean isItsLink =
          link.index() == now.interfaceIndex() || link.name().equals(now.interfaceName());
      boolean isAsSelected = !change.removed()
          && link.index() == now.interfaceIndex()
          && link.name().equals(now.interfaceName())
          && link.mtu() == now.mtu();
      return another || isItsLink && !isAsSelected;
    }
    if (event instanceof NetlinkEvent.AddressChanged change) {
      return another
          || change.address().linkIndex() == now.interfaceIndex()
          || !change.address().address().isLinkLocal();
    }
    return event instanceof NetlinkEvent.RouteChanged change
        && change.route().table() == RouteMessages.RT_TABLE_MAIN
        && (change.route().destination().isDefault() || selection.canReach().isPresent());
  }

  /** Has {@link #isAnother} look. */
  public void doubt() {
    doubtful = true;
  }

  /** Returns whether {@link #select} would find another underlay than it did, or none; looks only if there is a doubt. */
  public boolean isAnother() {
    if (doubtful) {
      doubtful = false;
      try {
        another = !selector.select(selection, families).equals(selected);
      } catch (IOException noUnderlay) {
        another = true;
      }
    }
    return another || refused;
  }
}
