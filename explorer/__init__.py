"""explorer: understand why convolutional nets got deep.

The public names. They are loaded when first used, so that `import explorer` and `explorer --help` stay light: nothing
here imports torch or gradio by itself.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.analysis.calculators import bottleneck_block as bottleneck_block
    from explorer.analysis.calculators import depthwise_separable as depthwise_separable
    from explorer.analysis.calculators import stacked_convs as stacked_convs
    from explorer.analysis.calibration import calibrate as calibrate
    from explorer.analysis.cost import training_cost as training_cost
    from explorer.analysis.effective_field import effective_receptive_field as effective_receptive_field
    from explorer.analysis.effective_field import effective_receptive_field_steps as effective_receptive_field_steps
    from explorer.analysis.feature_maps import feature_maps as feature_maps
    from explorer.analysis.feature_maps import first_filters as first_filters
    from explorer.analysis.gradient_flow import gradient_flow as gradient_flow
    from explorer.analysis.identity_flow import identity_flow as identity_flow
    from explorer.analysis.layer_responses import layer_responses as layer_responses
    from explorer.analysis.layer_run import feature_layers as feature_layers
    from explorer.analysis.layer_run import stage_layers as stage_layers
    from explorer.analysis.layer_table import clear_caches as clear_caches
    from explorer.analysis.layer_table import layer_table as layer_table
    from explorer.analysis.path_lengths import path_counts as path_counts
    from explorer.analysis.path_lengths import path_gradient as path_gradient
    from explorer.analysis.perturbation_curves import perturbation_curves as perturbation_curves
    from explorer.analysis.receptive_field import receptive_field as receptive_field
    from explorer.analysis.saliency import saliency as saliency
    from explorer.analysis.saliency import saliency_stream as saliency_stream
    from explorer.analysis.sanity_check import sanity_check as sanity_check
    from explorer.analysis.shortcut_surgery import operated as operated
    from explorer.analysis.top_pictures import top_pictures as top_pictures
    from explorer.analysis.top_pictures import top_pictures_steps as top_pictures_steps
    from explorer.attribution_results import Attribution as Attribution
    from explorer.cards import WeightsCard as WeightsCard
    from explorer.cards import shipped_card as shipped_card
    from explorer.cards import shipped_cards as shipped_cards
    from explorer.catalog import list_models as list_models
    from explorer.config import ModelConfig as ModelConfig
    from explorer.departures import departures as departures
    from explorer.errors import CheckpointError as CheckpointError
    from explorer.errors import ConfigError as ConfigError
    from explorer.errors import ExplorerError as ExplorerError
    from explorer.errors import TraceError as TraceError
    from explorer.errors import TrainingError as TrainingError
    from explorer.errors import UnknownNameError as UnknownNameError
    from explorer.examination_tables import class_frame as class_frame
    from explorer.export_results import ExportCard as ExportCard
    from explorer.feature_results import FeatureMaps as FeatureMaps
    from explorer.feature_results import Filters as Filters
    from explorer.feature_results import UnitPictures as UnitPictures
    from explorer.figures.block_drops import describe_block_drops as describe_block_drops
    from explorer.figures.block_drops import describe_random_drops as describe_random_drops
    from explorer.figures.block_drops import plot_block_drops as plot_block_drops
    from explorer.figures.block_drops import plot_random_drops as plot_random_drops
    from explorer.figures.comparison import describe_running as describe_running
    from explorer.figures.comparison import describe_totals as describe_totals
    from explorer.figures.comparison import plot_running as plot_running
    from explorer.figures.comparison import plot_totals as plot_totals
    from explorer.figures.comparison import running_data as running_data
    from explorer.figures.comparison import totals_data as totals_data
    from explorer.figures.confusion import confusion_data as confusion_data
    from explorer.figures.confusion import describe_confusion as describe_confusion
    from explorer.figures.confusion import plot_confusion as plot_confusion
    from explorer.figures.constructed import constructed_data as constructed_data
    from explorer.figures.constructed import describe_constructed as describe_constructed
    from explorer.figures.constructed import plot_constructed as plot_constructed
    from explorer.figures.degradation import degradation_data as degradation_data
    from explorer.figures.degradation import describe_degradation as describe_degradation
    from explorer.figures.degradation import lesson_frame as lesson_frame
    from explorer.figures.degradation import plot_degradation as plot_degradation
    from explorer.figures.depth_sweep import depth_sweep_data as depth_sweep_data
    from explorer.figures.depth_sweep import describe_depth_sweep as describe_depth_sweep
    from explorer.figures.depth_sweep import plot_depth_sweep as plot_depth_sweep
    from explorer.figures.designs import describe_design as describe_design
    from explorer.figures.designs import design_data as design_data
    from explorer.figures.designs import plot_design as plot_design
    from explorer.figures.diagram import describe_diagram as describe_diagram
    from explorer.figures.diagram import diagram_data as diagram_data
    from explorer.figures.diagram import plot_diagram as plot_diagram
    from explorer.figures.examined import describe_examination as describe_examination
    from explorer.figures.feature_maps import describe_feature_maps as describe_feature_maps
    from explorer.figures.feature_maps import feature_maps_data as feature_maps_data
    from explorer.figures.feature_maps import feature_values_data as feature_values_data
    from explorer.figures.feature_maps import plot_feature_maps as plot_feature_maps
    from explorer.figures.field_growth import describe_field_growth as describe_field_growth
    from explorer.figures.field_growth import field_growth_data as field_growth_data
    from explorer.figures.field_growth import plot_field_growth as plot_field_growth
    from explorer.figures.field_picture import describe_effective as describe_effective
    from explorer.figures.field_picture import describe_field_on_picture as describe_field_on_picture
    from explorer.figures.field_picture import plot_field_on_picture as plot_field_on_picture
    from explorer.figures.filters import describe_filters as describe_filters
    from explorer.figures.filters import filter_weights_data as filter_weights_data
    from explorer.figures.filters import filters_data as filters_data
    from explorer.figures.filters import plot_filters as plot_filters
    from explorer.figures.flow_history import describe_flow_history as describe_flow_history
    from explorer.figures.flow_history import flow_history_data as flow_history_data
    from explorer.figures.flow_history import plot_flow_history as plot_flow_history
    from explorer.figures.gradient_flow import describe_flow as describe_flow
    from explorer.figures.gradient_flow import flow_data as flow_data
    from explorer.figures.gradient_flow import plot_flow as plot_flow
    from explorer.figures.identity_flow import describe_identity as describe_identity
    from explorer.figures.identity_flow import identity_data as identity_data
    from explorer.figures.identity_flow import plot_identity as plot_identity
    from explorer.figures.landscape import landscape_data as landscape_data
    from explorer.figures.landscape import path_data as path_data
    from explorer.figures.landscape import plot_landscape as plot_landscape
    from explorer.figures.landscape import plot_landscape_lines as plot_landscape_lines
    from explorer.figures.landscape import plot_loss_path as plot_loss_path
    from explorer.figures.landscape_words import describe_landscape as describe_landscape
    from explorer.figures.landscape_words import describe_landscape_lines as describe_landscape_lines
    from explorer.figures.landscape_words import describe_loss_path as describe_loss_path
    from explorer.figures.layer_costs import describe_layer_costs as describe_layer_costs
    from explorer.figures.layer_costs import layer_costs_data as layer_costs_data
    from explorer.figures.layer_costs import plot_layer_costs as plot_layer_costs
    from explorer.figures.layer_responses import describe_layer_responses as describe_layer_responses
    from explorer.figures.layer_responses import layer_responses_data as layer_responses_data
    from explorer.figures.layer_responses import plot_layer_responses as plot_layer_responses
    from explorer.figures.learning_curves import batch_errors_data as batch_errors_data
    from explorer.figures.learning_curves import describe_learning_curves as describe_learning_curves
    from explorer.figures.learning_curves import learning_curves_data as learning_curves_data
    from explorer.figures.learning_curves import plot_learning_curves as plot_learning_curves
    from explorer.figures.one_block import describe_one_block as describe_one_block
    from explorer.figures.one_block import one_block_data as one_block_data
    from explorer.figures.one_block import plot_one_block as plot_one_block
    from explorer.figures.path_lengths import describe_path_lengths as describe_path_lengths
    from explorer.figures.path_lengths import plot_path_lengths as plot_path_lengths
    from explorer.figures.perturbation_curves import describe_perturbation_curves as describe_perturbation_curves
    from explorer.figures.perturbation_curves import perturbation_curves_data as perturbation_curves_data
    from explorer.figures.perturbation_curves import plot_perturbation_curves as plot_perturbation_curves
    from explorer.figures.projection import describe_projection as describe_projection
    from explorer.figures.projection import plot_projection as plot_projection
    from explorer.figures.projection import projection_data as projection_data
    from explorer.figures.rate_range import describe_rate_range as describe_rate_range
    from explorer.figures.rate_range import plot_rate_range as plot_rate_range
    from explorer.figures.rate_range import rate_range_data as rate_range_data
    from explorer.figures.saliency import describe_saliency as describe_saliency
    from explorer.figures.saliency import method_name as method_name
    from explorer.figures.saliency import plot_saliency as plot_saliency
    from explorer.figures.saliency_strip import map_title as map_title
    from explorer.figures.saliency_strip import plot_saliencies as plot_saliencies
    from explorer.figures.saliency_strip import plot_saliency_strip as plot_saliency_strip
    from explorer.figures.saliency_strip import saliencies_data as saliencies_data
    from explorer.figures.sanity_check import describe_sanity_check as describe_sanity_check
    from explorer.figures.sanity_check import plot_sanity_check as plot_sanity_check
    from explorer.figures.sanity_check import sanity_check_data as sanity_check_data
    from explorer.figures.saving import save_figure as save_figure
    from explorer.figures.source_shift import describe_source_shift as describe_source_shift
    from explorer.figures.source_shift import plot_source_shift as plot_source_shift
    from explorer.figures.source_shift import source_shift_data as source_shift_data
    from explorer.figures.stage_probes import describe_stage_probes as describe_stage_probes
    from explorer.figures.stage_probes import plot_stage_probes as plot_stage_probes
    from explorer.figures.stage_probes import stage_probes_data as stage_probes_data
    from explorer.figures.surgery import describe_surgery as describe_surgery
    from explorer.figures.surgery import plot_surgery as plot_surgery
    from explorer.figures.transfer_experiment import describe_experiment as describe_experiment
    from explorer.figures.transfer_experiment import experiment_data as experiment_data
    from explorer.figures.transfer_experiment import plot_experiment as plot_experiment
    from explorer.figures.unit_pictures import describe_unit_pictures as describe_unit_pictures
    from explorer.figures.unit_pictures import plot_unit_pictures as plot_unit_pictures
    from explorer.figures.unit_pictures import unit_pictures_data as unit_pictures_data
    from explorer.jobs.queue import resume as resume
    from explorer.jobs.queue import stop as stop
    from explorer.jobs.queue import submit as submit
    from explorer.landscape_results import Landscape as Landscape
    from explorer.landscape_results import LandscapePoint as LandscapePoint
    from explorer.landscape_results import LandscapeStep as LandscapeStep
    from explorer.landscape_results import LossPath as LossPath
    from explorer.lesson_results import check_guess as check_guess
    from explorer.lessons.advice import advise as advise
    from explorer.lessons.constructed import constructed_solution as constructed_solution
    from explorer.lessons.degradation import fixed_lesson as fixed_lesson
    from explorer.lessons.degradation import list_lessons as list_lessons
    from explorer.lessons.degradation import plan_lesson as plan_lesson
    from explorer.lessons.degradation import read_lesson as read_lesson
    from explorer.lessons.degradation import resume_lesson as resume_lesson
    from explorer.lessons.degradation import run_lesson as run_lesson
    from explorer.lessons.degradation import start_lesson as start_lesson
    from explorer.lessons.degradation import stop_lesson as stop_lesson
    from explorer.lessons.depth_sweep import depth_sweep as depth_sweep
    from explorer.lessons.flow import flow_of as flow_of
    from explorer.lessons.flow import identity_of as identity_of
    from explorer.lessons.flow import responses_of as responses_of
    from explorer.lessons.landscape import landscape_of as landscape_of
    from explorer.lessons.landscape import landscapes_of as landscapes_of
    from explorer.lessons.landscape import path_of as path_of
    from explorer.lessons.observed import Observed as Observed
    from explorer.lessons.observed import as_seen as as_seen
    from explorer.lessons.observed import gallery as gallery
    from explorer.lessons.observed import observe as observe
    from explorer.lessons.observed import prepared_whole as prepared_whole
    from explorer.lessons.observed import saliency_of as saliency_of
    from explorer.lessons.one_block import one_block as one_block
    from explorer.lessons.one_block import one_block_steps as one_block_steps
    from explorer.lessons.patients import surgery_patient as surgery_patient
    from explorer.lessons.sentences import describe_guess as describe_guess
    from explorer.lessons.sentences import describe_lesson as describe_lesson
    from explorer.lessons.sentences import describe_lesson_limits as describe_lesson_limits
    from explorer.lessons.surgery import drop_each_block as drop_each_block
    from explorer.lessons.surgery import drop_several_blocks as drop_several_blocks
    from explorer.lessons.surgery import operate as operate
    from explorer.lessons.surgery import path_gradients as path_gradients
    from explorer.lessons.surgery import surgery_flow as surgery_flow
    from explorer.lessons.transfer_experiment import plan_experiment as plan_experiment
    from explorer.lessons.transfer_experiment import read_experiment as read_experiment
    from explorer.lessons.transfer_experiment import resume_experiment as resume_experiment
    from explorer.lessons.transfer_experiment import run_experiment as run_experiment
    from explorer.lessons.transfer_experiment import start_experiment as start_experiment
    from explorer.lessons.transfer_experiment import stop_experiment as stop_experiment
    from explorer.models.create import create_model as create_model
    from explorer.papers.loader import published as published
    from explorer.pictures import photograph as photograph
    from explorer.pictures import read_picture as read_picture
    from explorer.pictures import square as square
    from explorer.progress import follow as follow
    from explorer.progress import progress_words as progress_words
    from explorer.run_results import EpochMetrics as EpochMetrics
    from explorer.run_results import StepMetrics as StepMetrics
    from explorer.saliency_check_results import PerturbationCurves as PerturbationCurves
    from explorer.saliency_check_results import SanityCheck as SanityCheck
    from explorer.tables import compare_frame as compare_frame
    from explorer.tables import display_frame as display_frame
    from explorer.tables import fold as fold
    from explorer.tables import layer_frame as layer_frame
    from explorer.train_config import TrainConfig as TrainConfig
    from explorer.training.backbones import Backbone as Backbone
    from explorer.training.backbones import load_backbone as load_backbone
    from explorer.training.callbacks import Callback as Callback
    from explorer.training.contact_sheet import contact_sheet as contact_sheet
    from explorer.training.data import dataset_info as dataset_info
    from explorer.training.data import load_dataset as load_dataset
    from explorer.training.datasets import list_datasets as list_datasets
    from explorer.training.downloads import fetch_dataset as fetch_dataset
    from explorer.training.examining import examine as examine
    from explorer.training.exporting import export as export
    from explorer.training.fitting import adapt_to_data as adapt_to_data
    from explorer.training.flow_recording import FlowRecorder as FlowRecorder
    from explorer.training.flow_recording import flow_record as flow_record
    from explorer.training.imagenet import fetch_imagenet as fetch_imagenet
    from explorer.training.imagenet import imagenet_weights as imagenet_weights
    from explorer.training.loop import fit as fit
    from explorer.training.predicting import predict as predict
    from explorer.training.predicting import prepare as prepare
    from explorer.training.projecting import before_training as before_training
    from explorer.training.projecting import project_features as project_features
    from explorer.training.rate_range import rate_range as rate_range
    from explorer.training.runs import RunStore as RunStore
    from explorer.training.similarity import source_shift as source_shift
    from explorer.training.stage_probes import probe_stages as probe_stages
    from explorer.training.strategies import stage_learning as stage_learning
    from explorer.training.strategies import trained_at_first as trained_at_first
    from explorer.training.trained import evaluate as evaluate
    from explorer.training.trained import load_trained as load_trained
    from explorer.training.transfer import transfer as transfer

__version__ = "0.1.0"

_HOMES = {
    "Attribution": "explorer.attribution_results",
    "Backbone": "explorer.training.backbones",
    "Callback": "explorer.training.callbacks",
    "CheckpointError": "explorer.errors",
    "ConfigError": "explorer.errors",
    "EpochMetrics": "explorer.run_results",
    "ExplorerError": "explorer.errors",
    "ExportCard": "explorer.export_results",
    "FeatureMaps": "explorer.feature_results",
    "Filters": "explorer.feature_results",
    "FlowRecorder": "explorer.training.flow_recording",
    "Landscape": "explorer.landscape_results",
    "LandscapePoint": "explorer.landscape_results",
    "LandscapeStep": "explorer.landscape_results",
    "LossPath": "explorer.landscape_results",
    "ModelConfig": "explorer.config",
    "Observed": "explorer.lessons.observed",
    "PerturbationCurves": "explorer.saliency_check_results",
    "RunStore": "explorer.training.runs",
    "SanityCheck": "explorer.saliency_check_results",
    "StepMetrics": "explorer.run_results",
    "TraceError": "explorer.errors",
    "TrainConfig": "explorer.train_config",
    "TrainingError": "explorer.errors",
    "UnitPictures": "explorer.feature_results",
    "UnknownNameError": "explorer.errors",
    "WeightsCard": "explorer.cards",
    "adapt_to_data": "explorer.training.fitting",
    "advise": "explorer.lessons.advice",
    "as_seen": "explorer.lessons.observed",
    "batch_errors_data": "explorer.figures.learning_curves",
    "before_training": "explorer.training.projecting",
    "bottleneck_block": "explorer.analysis.calculators",
    "calibrate": "explorer.analysis.calibration",
    "check_guess": "explorer.lesson_results",
    "class_frame": "explorer.examination_tables",
    "clear_caches": "explorer.analysis.layer_table",
    "compare_frame": "explorer.tables",
    "confusion_data": "explorer.figures.confusion",
    "constructed_data": "explorer.figures.constructed",
    "constructed_solution": "explorer.lessons.constructed",
    "contact_sheet": "explorer.training.contact_sheet",
    "create_model": "explorer.models.create",
    "dataset_info": "explorer.training.data",
    "degradation_data": "explorer.figures.degradation",
    "departures": "explorer.departures",
    "depth_sweep": "explorer.lessons.depth_sweep",
    "depth_sweep_data": "explorer.figures.depth_sweep",
    "depthwise_separable": "explorer.analysis.calculators",
    "describe_block_drops": "explorer.figures.block_drops",
    "describe_confusion": "explorer.figures.confusion",
    "describe_constructed": "explorer.figures.constructed",
    "describe_degradation": "explorer.figures.degradation",
    "describe_depth_sweep": "explorer.figures.depth_sweep",
    "describe_design": "explorer.figures.designs",
    "describe_diagram": "explorer.figures.diagram",
    "describe_effective": "explorer.figures.field_picture",
    "describe_examination": "explorer.figures.examined",
    "describe_experiment": "explorer.figures.transfer_experiment",
    "describe_feature_maps": "explorer.figures.feature_maps",
    "describe_field_growth": "explorer.figures.field_growth",
    "describe_field_on_picture": "explorer.figures.field_picture",
    "describe_filters": "explorer.figures.filters",
    "describe_flow": "explorer.figures.gradient_flow",
    "describe_flow_history": "explorer.figures.flow_history",
    "describe_guess": "explorer.lessons.sentences",
    "describe_identity": "explorer.figures.identity_flow",
    "describe_landscape": "explorer.figures.landscape_words",
    "describe_landscape_lines": "explorer.figures.landscape_words",
    "describe_layer_costs": "explorer.figures.layer_costs",
    "describe_layer_responses": "explorer.figures.layer_responses",
    "describe_learning_curves": "explorer.figures.learning_curves",
    "describe_lesson": "explorer.lessons.sentences",
    "describe_lesson_limits": "explorer.lessons.sentences",
    "describe_loss_path": "explorer.figures.landscape_words",
    "describe_one_block": "explorer.figures.one_block",
    "describe_path_lengths": "explorer.figures.path_lengths",
    "describe_perturbation_curves": "explorer.figures.perturbation_curves",
    "describe_projection": "explorer.figures.projection",
    "describe_random_drops": "explorer.figures.block_drops",
    "describe_rate_range": "explorer.figures.rate_range",
    "describe_running": "explorer.figures.comparison",
    "describe_saliency": "explorer.figures.saliency",
    "describe_sanity_check": "explorer.figures.sanity_check",
    "describe_source_shift": "explorer.figures.source_shift",
    "describe_stage_probes": "explorer.figures.stage_probes",
    "describe_surgery": "explorer.figures.surgery",
    "describe_totals": "explorer.figures.comparison",
    "describe_unit_pictures": "explorer.figures.unit_pictures",
    "design_data": "explorer.figures.designs",
    "diagram_data": "explorer.figures.diagram",
    "display_frame": "explorer.tables",
    "drop_each_block": "explorer.lessons.surgery",
    "drop_several_blocks": "explorer.lessons.surgery",
    "effective_receptive_field": "explorer.analysis.effective_field",
    "effective_receptive_field_steps": "explorer.analysis.effective_field",
    "evaluate": "explorer.training.trained",
    "examine": "explorer.training.examining",
    "experiment_data": "explorer.figures.transfer_experiment",
    "export": "explorer.training.exporting",
    "feature_layers": "explorer.analysis.layer_run",
    "feature_maps": "explorer.analysis.feature_maps",
    "feature_maps_data": "explorer.figures.feature_maps",
    "feature_values_data": "explorer.figures.feature_maps",
    "fetch_dataset": "explorer.training.downloads",
    "fetch_imagenet": "explorer.training.imagenet",
    "field_growth_data": "explorer.figures.field_growth",
    "filter_weights_data": "explorer.figures.filters",
    "filters_data": "explorer.figures.filters",
    "first_filters": "explorer.analysis.feature_maps",
    "fit": "explorer.training.loop",
    "fixed_lesson": "explorer.lessons.degradation",
    "flow_data": "explorer.figures.gradient_flow",
    "flow_history_data": "explorer.figures.flow_history",
    "flow_of": "explorer.lessons.flow",
    "flow_record": "explorer.training.flow_recording",
    "fold": "explorer.tables",
    "follow": "explorer.progress",
    "gallery": "explorer.lessons.observed",
    "gradient_flow": "explorer.analysis.gradient_flow",
    "identity_data": "explorer.figures.identity_flow",
    "identity_flow": "explorer.analysis.identity_flow",
    "identity_of": "explorer.lessons.flow",
    "imagenet_weights": "explorer.training.imagenet",
    "landscape_data": "explorer.figures.landscape",
    "landscape_of": "explorer.lessons.landscape",
    "landscapes_of": "explorer.lessons.landscape",
    "layer_costs_data": "explorer.figures.layer_costs",
    "layer_frame": "explorer.tables",
    "layer_responses": "explorer.analysis.layer_responses",
    "layer_responses_data": "explorer.figures.layer_responses",
    "layer_table": "explorer.analysis.layer_table",
    "learning_curves_data": "explorer.figures.learning_curves",
    "lesson_frame": "explorer.figures.degradation",
    "list_datasets": "explorer.training.datasets",
    "list_lessons": "explorer.lessons.degradation",
    "list_models": "explorer.catalog",
    "load_backbone": "explorer.training.backbones",
    "load_dataset": "explorer.training.data",
    "load_trained": "explorer.training.trained",
    "map_title": "explorer.figures.saliency_strip",
    "method_name": "explorer.figures.saliency",
    "observe": "explorer.lessons.observed",
    "one_block": "explorer.lessons.one_block",
    "one_block_data": "explorer.figures.one_block",
    "one_block_steps": "explorer.lessons.one_block",
    "operate": "explorer.lessons.surgery",
    "operated": "explorer.analysis.shortcut_surgery",
    "path_counts": "explorer.analysis.path_lengths",
    "path_data": "explorer.figures.landscape",
    "path_gradient": "explorer.analysis.path_lengths",
    "path_gradients": "explorer.lessons.surgery",
    "path_of": "explorer.lessons.landscape",
    "perturbation_curves": "explorer.analysis.perturbation_curves",
    "perturbation_curves_data": "explorer.figures.perturbation_curves",
    "photograph": "explorer.pictures",
    "plan_experiment": "explorer.lessons.transfer_experiment",
    "plan_lesson": "explorer.lessons.degradation",
    "plot_block_drops": "explorer.figures.block_drops",
    "plot_confusion": "explorer.figures.confusion",
    "plot_constructed": "explorer.figures.constructed",
    "plot_degradation": "explorer.figures.degradation",
    "plot_depth_sweep": "explorer.figures.depth_sweep",
    "plot_design": "explorer.figures.designs",
    "plot_diagram": "explorer.figures.diagram",
    "plot_experiment": "explorer.figures.transfer_experiment",
    "plot_feature_maps": "explorer.figures.feature_maps",
    "plot_field_growth": "explorer.figures.field_growth",
    "plot_field_on_picture": "explorer.figures.field_picture",
    "plot_filters": "explorer.figures.filters",
    "plot_flow": "explorer.figures.gradient_flow",
    "plot_flow_history": "explorer.figures.flow_history",
    "plot_identity": "explorer.figures.identity_flow",
    "plot_landscape": "explorer.figures.landscape",
    "plot_landscape_lines": "explorer.figures.landscape",
    "plot_layer_costs": "explorer.figures.layer_costs",
    "plot_layer_responses": "explorer.figures.layer_responses",
    "plot_learning_curves": "explorer.figures.learning_curves",
    "plot_loss_path": "explorer.figures.landscape",
    "plot_one_block": "explorer.figures.one_block",
    "plot_path_lengths": "explorer.figures.path_lengths",
    "plot_perturbation_curves": "explorer.figures.perturbation_curves",
    "plot_projection": "explorer.figures.projection",
    "plot_random_drops": "explorer.figures.block_drops",
    "plot_rate_range": "explorer.figures.rate_range",
    "plot_running": "explorer.figures.comparison",
    "plot_saliencies": "explorer.figures.saliency_strip",
    "plot_saliency": "explorer.figures.saliency",
    "plot_saliency_strip": "explorer.figures.saliency_strip",
    "plot_sanity_check": "explorer.figures.sanity_check",
    "plot_source_shift": "explorer.figures.source_shift",
    "plot_stage_probes": "explorer.figures.stage_probes",
    "plot_surgery": "explorer.figures.surgery",
    "plot_totals": "explorer.figures.comparison",
    "plot_unit_pictures": "explorer.figures.unit_pictures",
    "predict": "explorer.training.predicting",
    "prepare": "explorer.training.predicting",
    "prepared_whole": "explorer.lessons.observed",
    "probe_stages": "explorer.training.stage_probes",
    "progress_words": "explorer.progress",
    "project_features": "explorer.training.projecting",
    "projection_data": "explorer.figures.projection",
    "published": "explorer.papers.loader",
    "rate_range": "explorer.training.rate_range",
    "rate_range_data": "explorer.figures.rate_range",
    "read_experiment": "explorer.lessons.transfer_experiment",
    "read_lesson": "explorer.lessons.degradation",
    "read_picture": "explorer.pictures",
    "receptive_field": "explorer.analysis.receptive_field",
    "responses_of": "explorer.lessons.flow",
    "resume": "explorer.jobs.queue",
    "resume_experiment": "explorer.lessons.transfer_experiment",
    "resume_lesson": "explorer.lessons.degradation",
    "run_experiment": "explorer.lessons.transfer_experiment",
    "run_lesson": "explorer.lessons.degradation",
    "running_data": "explorer.figures.comparison",
    "saliencies_data": "explorer.figures.saliency_strip",
    "saliency": "explorer.analysis.saliency",
    "saliency_of": "explorer.lessons.observed",
    "saliency_stream": "explorer.analysis.saliency",
    "sanity_check": "explorer.analysis.sanity_check",
    "sanity_check_data": "explorer.figures.sanity_check",
    "save_figure": "explorer.figures.saving",
    "shipped_card": "explorer.cards",
    "shipped_cards": "explorer.cards",
    "source_shift": "explorer.training.similarity",
    "source_shift_data": "explorer.figures.source_shift",
    "square": "explorer.pictures",
    "stacked_convs": "explorer.analysis.calculators",
    "stage_layers": "explorer.analysis.layer_run",
    "stage_learning": "explorer.training.strategies",
    "stage_probes_data": "explorer.figures.stage_probes",
    "start_experiment": "explorer.lessons.transfer_experiment",
    "start_lesson": "explorer.lessons.degradation",
    "stop": "explorer.jobs.queue",
    "stop_experiment": "explorer.lessons.transfer_experiment",
    "stop_lesson": "explorer.lessons.degradation",
    "submit": "explorer.jobs.queue",
    "surgery_flow": "explorer.lessons.surgery",
    "surgery_patient": "explorer.lessons.patients",
    "top_pictures": "explorer.analysis.top_pictures",
    "top_pictures_steps": "explorer.analysis.top_pictures",
    "totals_data": "explorer.figures.comparison",
    "trained_at_first": "explorer.training.strategies",
    "training_cost": "explorer.analysis.cost",
    "transfer": "explorer.training.transfer",
    "unit_pictures_data": "explorer.figures.unit_pictures",
}

__all__ = sorted([*_HOMES, "launch"])


def launch(
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: tuple[str, str] | None = None,
    language: str = "auto",
    open_browser: bool = False,
    inline: bool = False,
    block: bool | None = None,
    quiet: bool = False,
) -> str:
    """Serve the app; `launch(inline=True)` shows it in a notebook cell and lets the notebook go on.

    Args:
        host: address to listen on; the default is reachable from this machine only.
        port: default 7860, or the next free one.
        auth: user name and password that the page asks for.
        language: `auto` (the browser's), `en` or `ko`.
        open_browser: open the page.
        inline: show the app in a notebook cell.
        block: wait until the app is stopped; default: unless `inline`.
        quiet: print nothing.

    Returns:
        The app's address.

    Raises:
        ConfigError: the port is taken or not allowed.
        ExplorerError: what the app needs is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Gradio's progress bars would miss ipywidgets in a notebook; the app has none.
            warnings.filterwarnings("ignore", "IProgress not found")
            from explorer.app import main
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "explorer":
            raise
        from explorer.errors import ExplorerError

        raise ExplorerError(f'The app needs {missing}: pip install "explorer[app]".') from error
    return main.launch(
        host=host,
        port=port,
        auth=auth,
        language=language,
        open_browser=open_browser,
        inline=inline,
        block=block,
        quiet=quiet,
    )


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'explorer' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
