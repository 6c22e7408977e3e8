package io.jaconet.vxlan;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.util.Map;
import java.util.Optional;

/**
 * What a host publishes of its VTEP: {@code {"VNI":1,"VtepMAC":"6e:2a:d9:f9:c7:5e"}}. Written in exactly this form, because flanneld takes
 * it apart by its punctuation; read in any form that flanneld may have written.
 */
record VtepData(Vni vni, MacAddress mac) {
  private static final String BEFORE_VNI = "{\"VNI\":";
  private static final String BEFORE_MAC = ",\"VtepMAC\":\"";
  private static final String AFTER_MAC = "\"}";
  private static final int MAC_CHARS = 17;

  /**
   * Reads what a peer published.
   *
   * @throws IllegalArgumentException if it is not that, or no frame can be sent to the MAC
   */
  static VtepData parse(String json) {
    int mac = json.length() - AFTER_MAC.length() - MAC_CHARS;
    boolean asWritten = json.startsWith(BEFORE_VNI)
        && json.endsWith(AFTER_MAC)
        && json.startsWith(BEFORE_MAC, mac - BEFORE_MAC.length());
    var data = asWritten ? parseWrittenForm(json, mac) : parseAnyForm(json);
    checkArgument(data.mac.isUnicast(), "VtepMAC %s is not the address of one VTEP", data.mac);
    return data;
  }

  /** Large networks have many of these, and reading them is most of a join's own work. */
  private static VtepData parseWrittenForm(String json, int mac) {
    var vni = json.substring(BEFORE_VNI.length(), mac - BEFORE_MAC.length());
    try {
      return new VtepData(
          new Vni(Integer.parseInt(vni)), MacAddress.parse(json.substring(mac, mac + MAC_CHARS)));
    } catch (NumberFormatException otherFieldsInBetween) {
      return parseAnyForm(json);
    }
  }

  private static VtepData parseAnyForm(String json) {
    try {
      JsonElement tree = JsonParser.parseString(json);
      checkArgument(
          tree.isJsonObject(),
          "backend data is not a JSON object such as {\"VNI\":1,\"VtepMAC\":\"6e:2a:d9:f9:c7:5e\"}");
      String mac = member(tree.getAsJsonObject(), "VtepMAC")
          .filter(JsonElement::isJsonPrimitive)
          .map(JsonElement::getAsString)
          .orElseThrow(() -> new IllegalArgumentException("backend data has no VtepMAC"));
      long vni = member(tree.getAsJsonObject(), "VNI")
          .filter(JsonElement::isJsonPrimitive)
          .map(JsonElement::getAsLong)
          .orElse(0L);
      checkArgument(vni >= 0 && vni < 1 << 24, "VNI %s does not fit in 24 bits", vni);
      return new VtepData(new Vni((int) vni), MacAddress.parse(mac));
    } catch (JsonParseException | NumberFormatException e) {
      throw new IllegalArgumentException("backend data is not JSON that can be read", e);
    }
  }

  private static Optional<JsonElement> member(JsonObject object, String name) {
    if (object.has(name)) {
      return Optional.of(object.get(name));
    }
    return object.entrySet().stream()
        .filter(entry -> entry.getKey().equalsIgnoreCase(name))
        .map(Map.Entry::getValue)
        .findFirst();
  }

  /** Returns whether this can be a VTEP of {@code network}; flannel before 0.24 published the low 16 bits of the VNI alone. */
  boolean mayBeOf(Vni network) {
    return vni.equals(network) || vni.value() == (network.value() & 0xffff);
  }

  /** Returns the text to publish. */
  String toJson() {
    return "{\"VNI\":" + vni + ",\"VtepMAC\":\"" + mac + "\"}";
  }
}
