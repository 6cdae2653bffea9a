"""The words of the Core Business Vocabulary 2.0, and every way in which the standard lets one be spelled.

>>> BIZ_STEPS.word("urn:epcglobal:cbv:bizstep:shipping")
'shipping'
>>> BIZ_STEPS.word("https://ref.gs1.org/cbv/BizStep-shipping") == BIZ_STEPS.word("shipping") == BizStep.SHIPPING
True
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from .errors import DocumentError


class BizStep(StrEnum):
    """CBV 2.0 section 7.1: what was being done."""

    ACCEPTING = "accepting"
    ARRIVING = "arriving"
    ASSEMBLING = "assembling"
    COLLECTING = "collecting"
    COMMISSIONING = "commissioning"
    CONSIGNING = "consigning"
    CREATING_CLASS_INSTANCE = "creating_class_instance"
    CYCLE_COUNTING = "cycle_counting"
    DECOMMISSIONING = "decommissioning"
    DEPARTING = "departing"
    DESTROYING = "destroying"
    DISASSEMBLING = "disassembling"
    DISPENSING = "dispensing"
    ENCODING = "encoding"
    ENTERING_EXITING = "entering_exiting"
    HOLDING = "holding"
    INSPECTING = "inspecting"
    INSTALLING = "installing"
    KILLING = "killing"
    LOADING = "loading"
    OTHER = "other"
    PACKING = "packing"
    PICKING = "picking"
    RECEIVING = "receiving"
    REMOVING = "removing"
    REPACKAGING = "repackaging"
    REPAIRING = "repairing"
    REPLACING = "replacing"
    RESERVING = "reserving"
    RETAIL_SELLING = "retail_selling"
    SAMPLING = "sampling"
    SENSOR_REPORTING = "sensor_reporting"
    SHIPPING = "shipping"
    STAGING_OUTBOUND = "staging_outbound"
    STOCK_TAKING = "stock_taking"
    STOCKING = "stocking"
    STORING = "storing"
    TRANSPORTING = "transporting"
    UNLOADING = "unloading"
    UNPACKING = "unpacking"
    VOID_SHIPPING = "void_shipping"


class Disposition(StrEnum):
    """CBV 2.0 section 7.2: in which condition it was left."""

    ACTIVE = "active"
    AVAILABLE = "available"
    COMPLETENESS_INFERRED = "completeness_inferred"
    COMPLETENESS_VERIFIED = "completeness_verified"
    CONFORMANT = "conformant"
    CONTAINER_CLOSED = "container_closed"
    CONTAINER_OPEN = "container_open"
    DAMAGED = "damaged"
    DESTROYED = "destroyed"
    DISPENSED = "dispensed"
    DISPOSED = "disposed"
    ENCODED = "encoded"
    EXPIRED = "expired"
    IN_PROGRESS = "in_progress"
    IN_TRANSIT = "in_transit"
    INACTIVE = "inactive"
    MISMATCH_CLASS = "mismatch_class"
    MISMATCH_INSTANCE = "mismatch_instance"
    MISMATCH_QUANTITY = "mismatch_quantity"
    NEEDS_REPLACEMENT = "needs_replacement"
    NO_PEDIGREE_MATCH = "no_pedigree_match"
    NON_CONFORMANT = "non_conformant"
    NON_SELLABLE_OTHER = "non_sellable_other"
    PARTIALLY_DISPENSED = "partially_dispensed"
    RECALLED = "recalled"
    RESERVED = "reserved"
    RETAIL_SOLD = "retail_sold"
    RETURNED = "returned"
    SELLABLE_ACCESSIBLE = "sellable_accessible"
    SELLABLE_NOT_ACCESSIBLE = "sellable_not_accessible"
    STOLEN = "stolen"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


class BizTransactionType(StrEnum):
    """CBV 2.0 section 7.3: which kind of business document."""

    BOL = "bol"
    CERT = "cert"
    DESADV = "desadv"
    INV = "inv"
    PEDIGREE = "pedigree"
    PO = "po"
    POC = "poc"
    PRODORDER = "prodorder"
    RECADV = "recadv"
    RMA = "rma"
    TESTPRD = "testprd"
    TESTRES = "testres"
    UPEVT = "upevt"


class SourceDestType(StrEnum):
    """CBV 2.0 section 7.4: in which respect something was handed over. Possessing is custody, owning is ownership."""

    LOCATION = "location"
    OWNING_PARTY = "owning_party"
    POSSESSING_PARTY = "possessing_party"


class ErrorReason(StrEnum):
    """CBV 2.0 section 7.5: why an event is declared in error."""

    DID_NOT_OCCUR = "did_not_occur"
    INCORRECT_DATA = "incorrect_data"


_MEASUREMENTS = """
    AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance
    AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area Capacitance
    Conductance Conductivity Count Density Dimensionless DoseEquivalent DoseEquivalentRate DynamicViscosity
    ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength Energy Exposure Force Frequency
    Illuminance Inductance Irradiance KinematicViscosity Length LinearMomentum Luminance LuminousFlux
    LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass MassConcentration MassFlowRate
    MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume Power Pressure RadiantFlux
    RadiantIntensity Radioactivity RelativeHumidity Resistance Resistivity SolidAngle SpecificVolume Speed
    SurfaceDensity SurfaceTension Temperature Time Torque Voltage Volume VolumeFlowRate VolumeFraction
    VolumetricFlux Wavenumber
"""
_COMPONENTS = """
    x y z axial_distance azimuth height spherical_radius polar_angle elevation_angle easting northing latitude
    longitude altitude
"""

_CBV = ("https://ref.gs1.org/cbv/", "http://ref.gs1.org/cbv/", "https://ns.gs1.org/cbv/", "https://ns.gs1.org/voc/")
_GS1 = ("https://gs1.org/voc/", "https://ref.gs1.org/voc/", "https://www.gs1.org/voc/", "http://gs1.org/voc/")
RESERVED = ("urn:epcglobal:cbv:", *_CBV)  # the namespaces in which GS1 makes its words


class Vocabulary:
    """One list of words that a member may hold, beside the full URIs that users make for themselves."""

    def __init__(self, name: str, words: Iterable[str], spellings: Iterable[str], web: str) -> None:
        """`spellings` are what may stand before a word; `web` is what the CBV event hash writes before it."""
        self.name = name
        self.web = web
        before = ("", web, *spellings)
        self._words = {spelling + word: str(word) for word in words for spelling in before}

    def get(self, text: str) -> str | None:
        """The bare word, whichever way it is spelled, or None."""
        return self._words.get(text)

    def word(self, text: str) -> str:
        """The bare word, whichever way it is spelled."""
        word = self._words.get(text)
        if word is None:
            raise self.unknown(text)
        return word

    def unknown(self, text: str) -> DocumentError:
        return DocumentError(
            f"no {self.name} of CBV 2.0", code="unknown_word", expected=f"a {self.name} or a URI", found=repr(text)
        )

    def uri(self, word: str) -> str:
        """The web address of a bare word; a user's own URI as it is."""
        return word if ":" in word else self.web + word


def _cbv(urn: str, *prefixes: str) -> Iterator[str]:
    """What the standard lets stand before a word: its URN, and its web addresses as they have been over the years."""
    yield f"urn:epcglobal:cbv:{urn}:"
    yield from (home + prefix for home in ("cbv:", *_CBV) for prefix in prefixes)


def _vocabulary(name: str, words: Iterable[str], urn: str, prefix: str, *others: str) -> Vocabulary:
    return Vocabulary(name, words, _cbv(urn, prefix, *others), f"https://ref.gs1.org/cbv/{prefix}")


def _measured(name: str, words: str) -> Vocabulary:
    return Vocabulary(name, words.split(), ("gs1:", *_GS1), "https://ref.gs1.org/voc/")


BIZ_STEPS = _vocabulary("business step", BizStep, "bizstep", "BizStep-", "Bizstep-")
DISPOSITIONS = _vocabulary("disposition", Disposition, "disp", "Disp-")
BIZ_TRANSACTION_TYPES = _vocabulary("business transaction type", BizTransactionType, "btt", "BTT-")
SOURCE_DEST_TYPES = _vocabulary("source or destination type", SourceDestType, "sdt", "SDT-")
ERROR_REASONS = _vocabulary("error reason", ErrorReason, "er", "ER-")
COMPONENTS = _vocabulary("component", _COMPONENTS.split(), "comp", "Comp-")
MEASUREMENTS = _measured("measurement", _MEASUREMENTS)
SENSOR_ALERTS = _measured("sensor alert", "ALARM_CONDITION ERROR_CONDITION")
