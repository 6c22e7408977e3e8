package io.jaconet.iptables;

import io.jaconet.testkit.IptablesManagerContract;
import java.io.IOException;

class NftablesContractTest implements IptablesManagerContract {
  @Override
  public Host host() throws IOException {
    return FilterHost.shared(Driver.NFTABLES);
  }
}
