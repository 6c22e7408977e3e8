package io.jaconet.iptables;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jaconet.iptables.DriverChoice.HostFacts;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class DriverChoiceTest {

  @Test
  void whatOthersUseIsChosen() throws IOException {
    assertEquals(Driver.IPTABLES_LEGACY, choice(Driver.IPTABLES_NFT, 3, 0));
    assertEquals(Driver.IPTABLES_NFT, choice(Driver.IPTABLES_LEGACY, 0, 3));
    assertEquals(Driver.IPTABLES_LEGACY, choice(Driver.IPTABLES_NFT, 9, 2));
  }

  @Test
  void whereNobodyHasRulesItIsWhatIptablesIsHere() throws IOException {
    assertEquals(Driver.IPTABLES_LEGACY, choice(Driver.IPTABLES_LEGACY, 0, 0));
    assertEquals(Driver.IPTABLES_NFT, choice(Driver.IPTABLES_NFT, 2, 2));
  }

  private static Driver choice(Driver usual, int legacyRules, int nftRules) throws IOException {
    return DriverChoice.among(new HostFacts(true, true, true, usual, legacyRules, nftRules))
        .driver();
  }

  @Test
  void theOnlyIptablesIsChosenWhateverRulesThereAre() throws IOException {
    var nft = DriverChoice.among(new HostFacts(false, true, true, Driver.IPTABLES_NFT, 5, 0));
    var legacy =
        DriverChoice.among(new HostFacts(true, false, false, Driver.IPTABLES_LEGACY, 0, 5));

    assertEquals(Driver.IPTABLES_NFT, nft.driver());
    assertTrue(nft.reason().contains("5 rules by the other kind"), nft.reason());
    assertEquals(Driver.IPTABLES_LEGACY, legacy.driver());
  }

  @Test
  void withoutIptablesItIsNftables() throws IOException {
    assertEquals(
        Driver.NFTABLES,
        DriverChoice.among(new HostFacts(false, false, true, null, 0, 0)).driver());
  }

  @Test
  void withoutAnythingThePackagesAreNamed() {
    var e = assertThrows(
        IOException.class,
        () -> DriverChoice.among(new HostFacts(false, false, false, null, 0, 0)));

    assertTrue(String.valueOf(e.getMessage()).contains("package iptables or nftables"));
  }
}
